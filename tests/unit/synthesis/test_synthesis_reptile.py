"""The training of few-shot generators: its steps, its phases, and resuming in each."""

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


def unmoved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {key for key, value in before.items() if torch.equal(value, after[key])}


def stuck(name: str, before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """What ought to have moved: a constant added to all of a Wasserstein critic's scores changes nothing."""
    return {key for key in unmoved(before, after) if name != "figr" or not key.endswith(LAST_BIAS)}


def advance(training: Any, steps: int) -> list[dict[str, Tensor]]:
    """Steps from the first on."""
    made = []
    for step in range(1, steps + 1):
        training.runtime.monitor.step = step
        made.append(training.step())
    return made


def outcome(generator: Any, folder: Path) -> tuple[bytes, bytes, bytes]:
    generator.save(folder / "weights.safetensors")
    weights, history = (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    return weights, history, generator.snapshots.images.numpy().tobytes()


@every_method
def test_the_losses_have_their_names_and_every_player_learns(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    meta, served = state(training, "meta_"), state(training, "served_")
    assert training.steps == STEPS
    losses = advance(training, STEPS)
    assert all(set(step) == LOSSES[name] | {"distance"} for step in losses[:4])
    assert all(set(step) == {f"{loss}_adapt" for loss in LOSSES[name]} for step in losses[4:])
    assert all(loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for s in losses for loss in s.values())
    assert not stuck(name, meta, state(training, "meta_"))
    assert not unmoved(served, state(training, "served_"))


@every_method
@pytest.mark.parametrize(("share", "moves"), [(0.0, False), (1.0, True)])
def test_the_outer_step_takes_all_or_nothing_of_the_task(name: str, share: float, moves: bool, tmp_path: Path) -> None:
    training = initialise(name, tmp_path, snapshots=1)
    training.settings = training.settings.model_copy(update={"outer_step": share})  # config does not allow 0
    before = state(training, "meta_")
    advance(training, 1)
    after, task = state(training, "meta_"), state(training, "task_")
    floating = {key for key, value in before.items() if value.is_floating_point()}
    if moves:
        assert all(torch.equal(value, task[key.replace("meta_", "task_")]) for key, value in after.items())
    else:
        assert floating <= unmoved(before, after)
    assert not floating & stuck(name, before, {key.replace("task_", "meta_"): value for key, value in task.items()})


@every_method
def test_the_inner_loop_leaves_the_meta_weights(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    before, task = state(training, "meta_"), parameters(training, "task_")
    training.reset_task()
    shown = training.tasks.real("basophil", 3, training.rng)
    for _ in range(3):
        training.update(shown, training.rng)
    assert unmoved(before, state(training, "meta_")) == set(before)
    assert not stuck(name, task, parameters(training, "task_"))
    expected = sum(
        (value - before[key.replace("task_", "meta_")]).square().sum()
        for key, value in parameters(training, "task_").items()
    )
    torch.testing.assert_close(training.distance(), expected.sqrt())


@every_method
def test_a_task_begins_at_the_meta_weights_with_an_optimiser_of_its_own(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    advance(training, 3)
    assert all(optimizer.state for optimizer in training.optimizers.values())
    training.reset_task()
    meta = state(training, "meta_")
    assert all(
        torch.equal(value, meta[key.replace("task_", "meta_")]) for key, value in state(training, "task_").items()
    )
    assert not any(optimizer.state for optimizer in training.optimizers.values())
    for player, average in training.averages.items():
        assert all(torch.equal(value, meta[f"meta_{player}.{key}"]) for key, value in average.state_dict().items())


@every_method
def test_the_discriminator_moves_alone_and_the_generator_moves_alone(name: str, tmp_path: Path) -> None:
    training = initialise(name, tmp_path)
    shown = training.tasks.real("basophil", 3, training.rng)
    others, judge = parameters(training, "task_"), state(training, "task_discriminator")
    others = {key: value for key, value in others.items() if key.split(".")[0] != "task_discriminator"}
    if name == "figr":
        z = training.noise(3, training.rng)
        fakes = training.task["generator"](z)
        training.update_discriminator(shown, fakes.detach(), training.rng)
        learn: Any = lambda: training.update_generator(fakes)  # noqa: E731
    else:
        z = training.noise(6, training.rng)
        features = training.task["encoder"](shown).repeat(2, 1)
        fakes = training.task["generator"](torch.cat((z, features), dim=1))
        training.update_discriminator(shown, fakes.detach())
        learn = lambda: training.update_generator(shown, fakes, z)  # noqa: E731
    assert unmoved(others, parameters(training, "task_")) == set(others)
    assert not stuck(name, judge, state(training, "task_discriminator"))
    judge = state(training, "task_discriminator")
    learn()
    assert unmoved(judge, state(training, "task_discriminator")) == set(judge)
    assert not unmoved(others, parameters(training, "task_"))
    players = [player for names in training.optimizer_groups.values() for player in names]
    assert all(p.requires_grad for player in players for p in training.task[player].parameters())


def test_the_terms_add_up_to_the_equation(tmp_path: Path) -> None:
    training = initialise("fewshot_meta", tmp_path, lambda_encoder=3.0, lambda_mode_seeking=0.5)
    minimised: dict[str, float] = {}
    training.minimise = lambda loss, optimizer_group: minimised.update({optimizer_group: loss.item()})
    shown = training.tasks.real("basophil", 3, training.rng)
    z = training.noise(6, training.rng)
    fakes = torch.rand((6, 3, SIZE, SIZE), generator=training.rng) * 2 - 1
    judged = training.task["discriminator"].eval()(fakes)
    losses = training.update_generator(shown, fakes, z)
    adversarial = -torch.sigmoid(judged).log().mean()
    first, second = fakes.chunk(2)
    encoder = ((first - shown).abs().mean() + (second - shown).abs().mean()) / 2
    apart = (first - second).abs().mean() / (z[:3] - z[3:]).abs().mean()
    for term, value in (("adversarial", adversarial), ("encoder", encoder), ("mode_seeking", 1 / (apart + 1e-5))):
        assert losses[term].item() == pytest.approx(value.item(), rel=1e-4)
    assert minimised["generator"] == pytest.approx((adversarial + 3 * encoder + 0.5 / (apart + 1e-5)).item(), rel=1e-4)


@every_method
def test_a_training_stopped_at_any_step_ends_as_one_that_was_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outcome(fit(name, tmp_path / "whole"), tmp_path / "whole")
    torn = tmp_path / "torn"
    training = type(build(name).initialise_training(data(), job(tmp_path / "other")))
    step = training.step
    for last in (2, 4, 6, 9):  # checkpoints at 2, 4, 6, 8: among episodes, between, in each class's adaptation

        def dying(self: Any, last: int = last) -> Any:
            if self.runtime.step >= last:
                raise KeyboardInterrupt
            return step(self)

        monkeypatch.setattr(training, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            fit(name, torn)
        monkeypatch.undo()
    assert outcome(fit(name, torn), torn) == whole


@every_method
def test_the_seed_decides(name: str, tmp_path: Path) -> None:
    first, again, other = (
        outcome(fit(name, tmp_path / folder, seed, **SHORT), tmp_path / folder)
        for folder, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


@every_method
def test_snapshots_do_not_disturb_the_training(name: str, tmp_path: Path) -> None:
    with_them, without = (
        fit(name, tmp_path / str(points), snapshots=points, snapshot_images=3, inner_steps=1) for points in (4, 1)
    )
    for label in CLASSES.served:
        one, other = (g._served[label].state_dict() for g in (with_them, without))
        assert all(torch.equal(value, other[key]) for key, value in one.items())
    taken = with_them.snapshots.images
    assert with_them.snapshots.steps == [1, 2, 3, 4]
    assert torch.equal(taken[-1], without.snapshots.images[-1])
    assert all(not torch.equal(taken[k], taken[k + 1]) for k in range(3))
    for of, label in enumerate(CLASSES.served):
        made = sample(with_them, label, range(3), seed=7, device=CPU)
        assert np.abs(taken[-1, of].permute(0, 2, 3, 1).numpy().astype(int) - made).max() <= 1


def test_an_episode_mixes_real_and_taught_images(tmp_path: Path) -> None:
    training = initialise("fewshot_meta", tmp_path)
    real = {image.tobytes() for image in data().real.pixels}

    def origins(label: str, count: int, share: float) -> tuple[int, int]:
        drawn = training.tasks.sample_task_images(label, count, share, training.rng)
        pixels = ((drawn + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        assert len({image.tobytes() for image in pixels}) == len(pixels)
        return len(pixels), sum(image.tobytes() in real for image in pixels)

    assert origins("basophil", 4, 0.5) == (4, 2)
    assert origins("basophil", 4, 0.0) == (4, 4)
    assert origins("basophil", 4, 1.0) == (4, 0)
    assert origins("monocyte", 4, 0.5) == (4, 4)  # the teacher made none
    assert origins("basophil", 100, 0.0) == (5, 5)


def test_all_tasks_are_played(tmp_path: Path) -> None:
    training = initialise("figr", tmp_path, snapshots=1, inner_steps=1, episodes=30)
    seen: list[str] = []
    sample_task_images = training.tasks.sample_task_images
    training.tasks.sample_task_images = lambda label, *rest: seen.append(label) or sample_task_images(label, *rest)
    advance(training, 30)
    assert 8 < seen.count("basophil") < 22
    assert set(seen) == set(CLASSES.trained)


def test_the_average_is_what_is_kept(tmp_path: Path) -> None:
    training = initialise("figr", tmp_path)
    advance(training, STEPS)
    kept, average = training.served["smudge_cell"].generator, training.averages["generator"].module
    for (key, value), other in zip(kept.named_parameters(), average.parameters(), strict=True):
        assert torch.equal(value, other), key
    assert (
        unmoved(dict(kept.named_parameters()), dict(unwrapped(training.task["generator"]).named_parameters())) == set()
    )


def test_it_trains_in_bfloat16(tmp_path: Path) -> None:
    training = build("fewshot_meta").initialise_training(data(), job(tmp_path, precision="bf16"))
    assert all(
        loss.isfinite() and loss.dtype == torch.float32 for step in advance(training, 5) for loss in step.values()
    )


def test_adapting_brings_the_images_to_the_class(tmp_path: Path) -> None:
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
