"""FastGAN: networks, noise, augmentation, hinge loss and the reconstruction of real images."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.conditional_generators import job
from helpers.per_class_generators import build, initialise, take_step
from hemabalance.gpu_check.real_training import rendered_images
from hemabalance.networks.layers import initialise as initialise_weights
from hemabalance.networks.spectral_convolution import SpectralConvolution
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.methods.fastgan import method
from hemabalance.synthesis.methods.fastgan.discriminator import FastGANDiscriminator, quarter
from hemabalance.synthesis.methods.fastgan.generator import FastGANGenerator
from hemabalance.training.device import unwrapped
from hemabalance.training.job import Images


def rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_the_shapes_at_every_size(size: int) -> None:
    images = FastGANGenerator(size, 2, 5)(torch.randn(2, 5), rng())
    assert images.shape == (2, 3, size, size)
    discriminator = FastGANDiscriminator(size, 2)
    logits, whole, part = discriminator(images, 3)
    assert logits.shape == (2, 1, 5, 5)
    assert whole.shape == part.shape == (2, 3, size // 2, size // 2)
    assert len(discriminator(images)) == 1
    assert set(discriminator.excitations) == {str(side) for side in (8, 16, 32) if side * 8 <= size}
    assert set(discriminator.blocks) == {str(size >> k) for k in range(1, (size // 8).bit_length())}


def test_noise_is_drawn_for_each_image_in_training_and_fixed_otherwise() -> None:
    generator, z = FastGANGenerator(16, 2, 5).eval(), torch.randn(1, 5, generator=rng()).expand(2, 5)
    initialise_weights(generator, rng())
    with torch.no_grad():
        for noise in generator.noise.values():
            noise.weight.fill_(1.0)
    drawn, again, fixed = generator(z, rng()), generator(z, rng()), generator(z)
    assert torch.equal(drawn, again)
    assert (drawn[0] - drawn[1]).abs().max() > 1e-4
    torch.testing.assert_close(fixed[0], fixed[1])
    other = FastGANGenerator(16, 2, 5).eval()
    assert not any("fixed" in key for key in generator.state_dict())
    other.load_state_dict(generator.state_dict())
    assert torch.equal(other(z), fixed)


def test_convolutions_of_the_discriminator_have_spectral_norm_one() -> None:
    convolution = SpectralConvolution(6, 8, 4, 2, bias=False)
    x = torch.randn(2, 6, 8, 8)
    for _ in range(100):
        y = convolution(x)
    largest = torch.linalg.matrix_norm(convolution.weight.flatten(1), 2)
    expected = torch.nn.functional.conv2d(x, convolution.weight / largest, stride=2, padding=1)
    torch.testing.assert_close(y, expected, atol=1e-4, rtol=1e-4)
    count = sum(isinstance(layer, SpectralConvolution) for layer in FastGANDiscriminator(64, 2).modules())
    assert count == 1 + 3 * 3 + 2  # the first one, three blocks of three, two for the logits


def test_quarters_are_numbered_by_rows() -> None:
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert [quarter(image, part).flatten().tolist() for part in range(4)] == [
        [0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15],
    ]  # fmt: skip


def test_the_hinge_loss_is_that_of_the_paper() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, 0.0, 1.0])
    assert float(method.hinge(real, fake)) == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1 + 2) / 3)


def test_real_and_generated_images_get_the_same_kinds_and_the_generator_its_gradient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = initialise("fastgan", tmp_path, policy=("translation", "cutout"))
    seen: list[tuple[Any, bool]] = []
    original = method.differentiable_augmentation

    def observed(images: torch.Tensor, policy: Any, rng: torch.Generator) -> torch.Tensor:
        seen.append((policy, images.requires_grad))
        return original(images, policy, rng)

    monkeypatch.setattr(method, "differentiable_augmentation", observed)
    take_step(training)
    assert sorted(seen, key=lambda call: call[1]) == [(("translation", "cutout"), grad) for grad in (False, True)]


def test_the_reconstruction_loss_falls_and_the_decoders_show_the_images(tmp_path: Path) -> None:
    real = rendered_images(("monocyte",), 16, 32, 1)
    settings = {"latent": 8, "width": 4, "discriminator_width": 8, "batch": 8, "steps": 80, "policy": ()}
    generator = build("fastgan", size=32, labels=("monocyte",), **settings)
    empty = Images(real.pixels[:0], real.labels[:0])
    training = generator.initialise_training(SynthesisData(real, empty, empty), job(tmp_path))
    losses = [float(take_step(training)["reconstruction"]) for _ in range(80)]
    first, last = sum(losses[:5]) / 5, sum(losses[-5:]) / 5
    assert last < first / 3
    images = training.real.next_batch("monocyte")
    discriminator = unwrapped(training.networks["discriminator_monocyte"])
    for part in range(4):
        _, whole, crop = discriminator(images, part)
        for decoded, target in (
            (whole, torch.nn.functional.avg_pool2d(images, 2)),
            (crop, quarter(images, part)),
        ):
            error = (decoded - target).abs().mean()
            assert error < 0.75 * (decoded - target.flip(0)).abs().mean()  # nearer to its own image than to another
