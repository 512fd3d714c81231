"""Outer step of Reptile, recalibrated batch statistics and mode-seeking term, against direct computations."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from helpers.seeds import seeded
from hemabalance.networks.fewshot_discriminator import FewshotDiscriminator
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.networks.layers import initialise
from hemabalance.synthesis.recalibrate import recalibrate
from hemabalance.synthesis.reptile import outer_step
from hemabalance.training.losses import mean_difference, mode_seeking


def generator(seed: int) -> FewshotGenerator:
    network = FewshotGenerator(16, 4, 3)
    initialise(network, seeded(seed))
    network(torch.randn(6, 3, generator=seeded(seed)))  # sets the running statistics
    return network


def states(*networks: nn.Module) -> list[dict[str, Tensor]]:
    return [deepcopy(network.state_dict()) for network in networks]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_the_outer_step_interpolates_the_weights(share: float) -> None:
    meta, task = generator(0), generator(1)
    task(torch.randn(6, 3, generator=seeded(5)))  # one batch more
    meta_before, task_before = states(meta, task)
    outer_step(meta, task, share)
    for key, value in meta.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, meta_before[key] + share * (task_before[key] - meta_before[key]))
            assert torch.equal(value, task_before[key]) or share < 1 or meta_before[key].equal(task_before[key])
            assert torch.equal(value, meta_before[key]) or share > 0
        else:
            assert torch.equal(value, task_before[key])
    assert all(torch.equal(value, task_before[key]) for key, value in task.state_dict().items())


def test_many_outer_steps_towards_two_tasks_end_between_them() -> None:
    meta, tasks = generator(0), (generator(1), generator(2))
    for k in range(400):
        outer_step(meta, tasks[k % 2], 0.05)
    for key, value in meta.named_parameters():
        ends = [dict(task.named_parameters())[key].detach() for task in tasks]
        between = (ends[0] + ends[1]) / 2
        assert (value - between).abs().max() <= 0.05 * (ends[0] - ends[1]).abs().max()


def test_averaged_vectors_of_spectral_normalisation_converge_to_the_singular_value() -> None:
    meta, task = FewshotDiscriminator(16, 4), FewshotDiscriminator(16, 4)
    for seed, network in enumerate((meta, task)):
        initialise(network, seeded(seed))
        for _ in range(50):
            network(torch.zeros(1, 3, 16, 16))
    outer_step(meta, task, 0.5)
    first = meta.body[0]
    assert first.left.norm() < 0.999  # an average of two unit vectors
    for _ in range(50):
        meta(torch.zeros(1, 3, 16, 16))
    x = torch.randn(1, 3, 16, 16, generator=seeded(3))
    plain = nn.functional.conv2d(x, first.weight / torch.linalg.matrix_norm(first.weight.flatten(1), 2), padding=1)
    torch.testing.assert_close(first(x), plain, rtol=1e-3, atol=1e-4)


def test_statistics_are_the_plain_mean_over_the_batches() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2))
    network(torch.randn(4, 2, 3, 3, generator=seeded(0)) + 100)  # to be forgotten
    batches = [torch.randn(4, 2, 3, 3, generator=seeded(k)) * k + k for k in (1, 2, 3)]
    recalibrate(network, iter(batches))
    norm = network[0]
    torch.testing.assert_close(norm.running_mean, torch.stack([b.mean(dim=(0, 2, 3)) for b in batches]).mean(dim=0))
    torch.testing.assert_close(norm.running_var, torch.stack([b.var(dim=(0, 2, 3)) for b in batches]).mean(dim=0))
    assert norm.momentum == 0.1
    assert not network.training


def test_a_recalibrated_generator_gives_an_image_the_same_in_any_batch() -> None:
    network = generator(0)
    recalibrate(network, (torch.randn(64, 3, generator=seeded(k)) for k in range(20)))
    x = torch.randn(5, 3, generator=seeded(99))
    with torch.no_grad():
        images = network(x)
        torch.testing.assert_close(network(x[2:3]), images[2:3], rtol=1e-4, atol=1e-5)
        # Training mode gives the same up to the variation of the batch statistics.
        latents = torch.randn(400, 3, generator=seeded(98))
        recalibrated, batchwise = network(latents), deepcopy(network).train()(latents)
    assert ((recalibrated - batchwise).abs().mean() < 0.1 * recalibrated.std()).item()


def test_the_mode_seeking_term_falls_when_two_noises_give_different_images() -> None:
    z = torch.randn(2, 4, 8, generator=seeded(0))
    images = torch.randn(2, 4, 3, 6, 6, generator=seeded(1))
    terms = [mode_seeking(images[0], images[0] + distance * images[1], *z).item() for distance in (0.0, 0.1, 1.0)]
    assert terms[0] == pytest.approx(1e5)
    assert terms[0] > terms[1] > terms[2] > 0
    ratio = images[1].abs().mean() / (z[0] - z[1]).abs().mean()
    assert terms[2] == pytest.approx(1 / (ratio.item() + 1e-5), rel=1e-5)
    nearer_noise = mode_seeking(images[0], images[1], z[0], z[0] + 0.1 * (z[1] - z[0]))
    assert nearer_noise < mode_seeking(images[0], images[1], *z)


def test_the_mode_seeking_term_pushes_images_apart() -> None:
    z = torch.randn(2, 4, 8, generator=seeded(0))
    images = (torch.randn(2, 4, 3, 6, 6, generator=seeded(1))).requires_grad_()
    mode_seeking(images[0], images[1], *z).backward()
    moved = images.detach() - 10 * images.grad
    assert (moved[0] - moved[1]).abs().mean() > (images[0] - images[1]).abs().mean()


def test_mean_difference() -> None:
    a, b = torch.randn(2, 4, 3, 6, 6, generator=seeded(1))
    assert mean_difference(a, b).item() == pytest.approx((a - b).abs().sum().item() / a.numel(), rel=1e-5)
    assert mean_difference(a.bfloat16(), b.bfloat16()).dtype == torch.float32
