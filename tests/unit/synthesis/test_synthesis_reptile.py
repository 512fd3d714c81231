"""Training of few-shot generators: steps, phases, and resuming in each phase."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.fewshot_generators import CLASSES, METHOD_SETTINGS, SHORT, SIZE, build, data, fit, initialise, job
from hemabalance.errors import InputError
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import unwrapped

CPU = torch.device("cpu")
STEPS = 4 + 2 * 3
LOSSES = {
    "fewshot_meta": {"discriminator", "adversarial", "encoder", "mode_seeking"},
    "figr": {"discriminator", "penalty", "adversarial"},
}
LAST_BIAS = "_discriminator.body.13.bias"
every_method = pytest.mark.parametrize("name", METHOD_SETTINGS)


def parameters(training: Any, prefix: str) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in training.networks.items()
        if name.startswith(prefix)
        for key, value in unwrapped(network).named_parameters()
    }


def state(training: Any, prefix: str) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in training.networks.items()
        if name.startswith(prefix)
        for key, value in unwrapped(network).state_dict().items()
    }


def unchanged(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {key for key, value in before.items() if torch.equal(value, after[key])}


def unexpectedly_unchanged(name: str, before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Unchanged values, except the last bias of a Wasserstein critic, which has no gradient."""
    return {key for key in unchanged(before, after) if name != "figr" or not key.endswith(LAST_BIAS)}


def advance(training: Any, steps: int) -> list[dict[str, Tensor]]:
    """Losses of the first steps."""
    losses = []
    for step in range(1, steps + 1):
        training.runtime.monitor.step = step
        losses.append(training.step())
    return losses


def outcome(generator: Any, folder: Path) -> tuple[bytes, bytes, bytes]:
    generator.save(folder / "weights.safetensors")
    weights, history = (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    return weights, history, generator.snapshots.images.numpy().tobytes()


@every_method
def test_the_losses_are_named_and_every_network_changes(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    meta, served = state(training, "meta_"), state(training, "served_")
    assert training.steps == STEPS
    losses = advance(training, STEPS)
    assert all(set(step) == LOSSES[name] | {"distance"} for step in losses[:4])
    assert all(set(step) == {f"{loss}_adapt" for loss in LOSSES[name]} for step in losses[4:])
    assert all(loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for s in losses for loss in s.values())
    assert not unexpectedly_unchanged(name, meta, state(training, "meta_"))
    assert not unchanged(served, state(training, "served_"))


@every_method
@pytest.mark.parametrize(("share", "moves"), [(0.0, False), (1.0, True)])
def test_an_outer_step_of_one_copies_the_task_and_of_zero_does_nothing(
    name: str, share: float, moves: bool, tmp_path: Path
) -> None:
    training = initialise(name, tmp_path, snapshots=1)
    training.settings = training.settings.model_copy(update={"outer_step": share})  # config does not allow 0
    before = state(training, "meta_")
    advance(training, 1)
    after, task = state(training, "meta_"), state(training, "task_")
    floating = {key for key, value in before.items() if value.is_floating_point()}
    if moves:
        assert all(torch.equal(value, task[key.replace("meta_", "task_")]) for key, value in after.items())
    else:
        assert floating <= unchanged(before, after)
    assert not floating & unexpectedly_unchanged(
        name, before, {key.replace("task_", "meta_"): value for key, value in task.items()}
    )


@every_method
def test_the_inner_loop_leaves_the_meta_weights(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    before, task = state(training, "meta_"), parameters(training, "task_")
    training.reset_task()
    images = training.tasks.real("basophil", 3, training.rng)
    for _ in range(3):
        training.update(images, training.rng)
    assert unchanged(before, state(training, "meta_")) == set(before)
    assert not unexpectedly_unchanged(name, task, parameters(training, "task_"))
    expected = sum(
        (value - before[key.replace("task_", "meta_")]).square().sum()
        for key, value in parameters(training, "task_").items()
    )
    torch.testing.assert_close(training.distance(), expected.sqrt())


@every_method
def test_a_task_starts_at_the_meta_weights_with_a_new_optimizer(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    advance(training, 3)
    assert all(optimizer.state for optimizer in training.optimizers.values())
    training.reset_task()
    meta = state(training, "meta_")
    assert all(
        torch.equal(value, meta[key.replace("task_", "meta_")]) for key, value in state(training, "task_").items()
    )
    assert not any(optimizer.state for optimizer in training.optimizers.values())
    for network, average in training.averages.items():
        assert all(torch.equal(value, meta[f"meta_{network}.{key}"]) for key, value in average.state_dict().items())


@every_method
def test_each_update_changes_its_own_networks(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    images = training.tasks.real("basophil", 3, training.rng)
    others, judge = parameters(training, "task_"), state(training, "task_discriminator")
    others = {key: value for key, value in others.items() if key.split(".")[0] != "task_discriminator"}
    if name == "figr":
        z = training.noise(3, training.rng)
        fakes = training.task["generator"](z)
        training.update_discriminator(images, fakes.detach(), training.rng)
        update_generator: Any = lambda: training.update_generator(fakes)  # noqa: E731
    else:
        z = training.noise(6, training.rng)
        features = training.task["encoder"](images).repeat(2, 1)
        fakes = training.task["generator"](torch.cat((z, features), dim=1))
        training.update_discriminator(images, fakes.detach())
        update_generator = lambda: training.update_generator(images, fakes, z)  # noqa: E731
    assert unchanged(others, parameters(training, "task_")) == set(others)
    assert not unexpectedly_unchanged(name, judge, state(training, "task_discriminator"))
    judge = state(training, "task_discriminator")
    update_generator()
    assert unchanged(judge, state(training, "task_discriminator")) == set(judge)
    assert not unchanged(others, parameters(training, "task_"))
    networks = [network for names in training.optimizer_groups.values() for network in names]
    assert all(p.requires_grad for network in networks for p in training.task[network].parameters())


def test_the_terms_add_up_to_the_equation(tmp_path: Path) -> None:
    training = initialise("fewshot_meta", tmp_path, lambda_encoder=3.0, lambda_mode_seeking=0.5)
    minimised: dict[str, float] = {}
    training.minimise = lambda loss, optimizer_group: minimised.update({optimizer_group: loss.item()})
    images = training.tasks.real("basophil", 3, training.rng)
    z = training.noise(6, training.rng)
    fakes = torch.rand((6, 3, SIZE, SIZE), generator=training.rng) * 2 - 1
    logits = training.task["discriminator"].eval()(fakes)
    losses = training.update_generator(images, fakes, z)
    adversarial = -torch.sigmoid(logits).log().mean()
    first, second = fakes.chunk(2)
    encoder = ((first - images).abs().mean() + (second - images).abs().mean()) / 2
    ratio = (first - second).abs().mean() / (z[:3] - z[3:]).abs().mean()
    for term, value in (("adversarial", adversarial), ("encoder", encoder), ("mode_seeking", 1 / (ratio + 1e-5))):
        assert losses[term].item() == pytest.approx(value.item(), rel=1e-4)
    assert minimised["generator"] == pytest.approx((adversarial + 3 * encoder + 0.5 / (ratio + 1e-5)).item(), rel=1e-4)


@every_method
def test_an_interrupted_training_ends_with_the_same_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = outcome(fit(name, tmp_path / "uninterrupted"), tmp_path / "uninterrupted")
    folder = tmp_path / "interrupted"
    training = type(build(name).initialise_training(data(), job(tmp_path / "other")))
    step = training.step
    for last in (2, 4, 6, 9):  # checkpoints at 2, 4, 6, 8: in the episodes, between phases, in each adaptation

        def interrupted_step(self: Any, last: int = last) -> Any:
            if self.runtime.step >= last:
                raise KeyboardInterrupt
            return step(self)

        monkeypatch.setattr(training, "step", interrupted_step)
        with pytest.raises(KeyboardInterrupt):
            fit(name, folder)
        monkeypatch.undo()
    assert outcome(fit(name, folder), folder) == uninterrupted


@every_method
def test_the_result_depends_on_the_seed_only(name: str, tmp_path: Path) -> None:
    first, repeated, other = (
        outcome(fit(name, tmp_path / folder, seed, **SHORT), tmp_path / folder)
        for folder, seed in (("first", 7), ("repeated", 7), ("other", 8))
    )
    assert first == repeated
    assert all(a != b for a, b in zip(first, other, strict=True))


@every_method
def test_snapshots_do_not_disturb_the_training(name: str, tmp_path: Path) -> None:
    with_them, without = (
        fit(name, tmp_path / str(points), snapshots=points, snapshot_images=3, inner_steps=1) for points in (4, 1)
    )
    for label in CLASSES.served:
        values, others = (g.adapted[label].state_dict() for g in (with_them, without))
        assert all(torch.equal(value, others[key]) for key, value in values.items())
    stored = with_them.snapshots.images
    assert with_them.snapshots.steps == [1, 2, 3, 4]
    assert torch.equal(stored[-1], without.snapshots.images[-1])
    assert all(not torch.equal(stored[k], stored[k + 1]) for k in range(3))
    for class_index, label in enumerate(CLASSES.served):
        sampled = sample(with_them, label, range(3), seed=7, device=CPU)
        assert np.abs(stored[-1, class_index].permute(0, 2, 3, 1).numpy().astype(int) - sampled).max() <= 1


def test_an_episode_mixes_real_and_teacher_images(tmp_path: Path) -> None:
    training = initialise("fewshot_meta", tmp_path)
    real = {image.tobytes() for image in data().real.pixels}

    def origins(label: str, count: int, share: float) -> tuple[int, int]:
        images = training.tasks.sample_task_images(label, count, share, training.rng)
        pixels = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        assert len({image.tobytes() for image in pixels}) == len(pixels)
        return len(pixels), sum(image.tobytes() in real for image in pixels)

    assert origins("basophil", 4, 0.5) == (4, 2)
    assert origins("basophil", 4, 0.0) == (4, 4)
    assert origins("basophil", 4, 1.0) == (4, 0)
    assert origins("monocyte", 4, 0.5) == (4, 4)  # no teacher images of this class
    assert origins("basophil", 100, 0.0) == (5, 5)


def test_all_classes_are_used_as_tasks(tmp_path: Path) -> None:
    training = initialise("figr", tmp_path, snapshots=1, inner_steps=1, episodes=30)
    labels: list[str] = []
    sample_task_images = training.tasks.sample_task_images
    training.tasks.sample_task_images = lambda label, *rest: labels.append(label) or sample_task_images(label, *rest)
    advance(training, 30)
    assert 8 < labels.count("basophil") < 22
    assert set(labels) == set(CLASSES.trained)


def test_the_moving_average_is_stored(tmp_path: Path) -> None:
    training = initialise("figr", tmp_path)
    advance(training, STEPS)
    stored, average = training.served["smudge_cell"].generator, training.averages["generator"].module
    for (key, value), other in zip(stored.named_parameters(), average.parameters(), strict=True):
        assert torch.equal(value, other), key
    assert (
        unchanged(dict(stored.named_parameters()), dict(unwrapped(training.task["generator"]).named_parameters()))
        == set()
    )


def test_it_trains_in_bfloat16(tmp_path: Path) -> None:
    training = build("fewshot_meta").initialise_training(data(), job(tmp_path, precision="bf16"))
    assert all(
        loss.isfinite() and loss.dtype == torch.float32 for step in advance(training, 5) for loss in step.values()
    )


def test_adaptation_changes_the_images_to_the_class(tmp_path: Path) -> None:
    generator = build("fewshot_meta", episodes=1, adapt_steps=40, lr=1e-2, lambda_encoder=10.0, snapshots=1)
    counts = {"basophil": 5, "monocyte": 6, "monoblast": 4, "smudge_cell": 4}
    generator.fit(data(counts), job(tmp_path))
    levels = {label: sample(generator, label, range(8), seed=1, device=CPU).mean() for label in CLASSES.served}
    assert levels["monoblast"] == pytest.approx(180, abs=15)
    assert levels["smudge_cell"] == pytest.approx(220, abs=15)


@every_method
def test_a_resume_refuses_other_images(name: str, tmp_path: Path) -> None:
    fit(name, tmp_path, **SHORT)
    with pytest.raises(InputError, match="images"):
        build(name, **SHORT).fit(data(teacher=0), job(tmp_path))
