"""Few-shot generators: the phases of their training, resuming, saving and use."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pupils import CLASSES, OWN, SHORT, SIZE, begun, built, data, fitted, images, job, runtime
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.synthesis.fewshot_meta import poses
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import bare
from hemabalance.training.weights import read_description

CPU = torch.device("cpu")
STEPS = 4 + 2 * 3
LOSSES = {
    "fewshot_meta": {"discriminator", "adversarial", "encoder", "mode_seeking"},
    "figr": {"discriminator", "penalty", "adversarial"},
}
LAST_BIAS = "_discriminator.body.13.bias"
every_method = pytest.mark.parametrize("name", OWN)


def parameters(game: Any, prefix: str) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in game.networks.items()
        if name.startswith(prefix)
        for key, value in bare(network).named_parameters()
    }


def state(game: Any, prefix: str) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().clone()
        for name, network in game.networks.items()
        if name.startswith(prefix)
        for key, value in bare(network).state_dict().items()
    }


def unmoved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {key for key, value in before.items() if torch.equal(value, after[key])}


def stuck(name: str, before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """What ought to have moved: a constant added to all of a Wasserstein critic's scores changes nothing."""
    return {key for key in unmoved(before, after) if name != "figr" or not key.endswith(LAST_BIAS)}


def advance(game: Any, steps: int) -> list[dict[str, Tensor]]:
    """Steps from the first on."""
    made = []
    for step in range(1, steps + 1):
        game.runtime.monitor.step = step
        made.append(game.step())
    return made


def outcome(generator: Any, folder: Path) -> tuple[bytes, bytes, bytes]:
    generator.save(folder / "weights.safetensors")
    weights, history = (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    return weights, history, generator.snapshots.taken.numpy().tobytes()


@every_method
def test_the_losses_have_their_names_and_every_player_learns(name: str, tmp_path: Path) -> None:
    game = begun(name, tmp_path)
    meta, served = state(game, "meta_"), state(game, "served_")
    assert game.steps == STEPS
    losses = advance(game, STEPS)
    assert all(set(step) == LOSSES[name] | {"distance"} for step in losses[:4])
    assert all(set(step) == {f"{loss}_adapt" for loss in LOSSES[name]} for step in losses[4:])
    assert all(loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for s in losses for loss in s.values())
    assert not stuck(name, meta, state(game, "meta_"))
    assert not unmoved(served, state(game, "served_"))


@every_method
@pytest.mark.parametrize(("share", "moves"), [(0.0, False), (1.0, True)])
def test_the_outer_step_takes_all_or_nothing_of_the_task(name: str, share: float, moves: bool, tmp_path: Path) -> None:
    game = begun(name, tmp_path, outer_step=share, snapshots=1)
    before = state(game, "meta_")
    advance(game, 1)
    after, task = state(game, "meta_"), state(game, "task_")
    floating = {key for key, value in before.items() if value.is_floating_point()}
    if moves:
        assert all(torch.equal(value, task[key.replace("meta_", "task_")]) for key, value in after.items())
    else:
        assert floating <= unmoved(before, after)
    assert not floating & stuck(name, before, {key.replace("task_", "meta_"): value for key, value in task.items()})


@every_method
def test_the_inner_loop_leaves_the_meta_weights(name: str, tmp_path: Path) -> None:
    game = begun(name, tmp_path)
    before, task = state(game, "meta_"), parameters(game, "task_")
    game.begin_task()
    shown = game.tasks.real("basophil", 3, game.chance)
    for _ in range(3):
        game.update(shown, game.chance)
    assert unmoved(before, state(game, "meta_")) == set(before)
    assert not stuck(name, task, parameters(game, "task_"))
    expected = sum(
        (value - before[key.replace("task_", "meta_")]).square().sum()
        for key, value in parameters(game, "task_").items()
    )
    torch.testing.assert_close(game.distance(), expected.sqrt())


@every_method
def test_a_task_begins_at_the_meta_weights_with_an_optimiser_of_its_own(name: str, tmp_path: Path) -> None:
    game = begun(name, tmp_path)
    advance(game, 3)
    assert all(optimizer.state for optimizer in game.optimizers.values())
    game.begin_task()
    meta = state(game, "meta_")
    assert all(torch.equal(value, meta[key.replace("task_", "meta_")]) for key, value in state(game, "task_").items())
    assert not any(optimizer.state for optimizer in game.optimizers.values())
    for player, average in game.averages.items():
        assert all(torch.equal(value, meta[f"meta_{player}.{key}"]) for key, value in average.state_dict().items())


@every_method
def test_the_discriminator_moves_alone_and_the_generator_moves_alone(name: str, tmp_path: Path) -> None:
    game = begun(name, tmp_path)
    shown = game.tasks.real("basophil", 3, game.chance)
    others, judge = parameters(game, "task_"), state(game, "task_discriminator")
    others = {key: value for key, value in others.items() if key.split(".")[0] != "task_discriminator"}
    if name == "figr":
        z = game.noise(3, game.chance)
        fakes = game.task["generator"](z)
        game.update_discriminator(shown, fakes.detach(), game.chance)
        learn: Any = lambda: game.update_generator(fakes)  # noqa: E731
    else:
        z = game.noise(6, game.chance)
        features = game.task["encoder"](shown).repeat(2, 1)
        fakes = game.task["generator"](torch.cat((z, features), dim=1))
        game.update_discriminator(shown, fakes.detach())
        learn = lambda: game.update_generator(shown, fakes, z)  # noqa: E731
    assert unmoved(others, parameters(game, "task_")) == set(others)
    assert not stuck(name, judge, state(game, "task_discriminator"))
    judge = state(game, "task_discriminator")
    learn()
    assert unmoved(judge, state(game, "task_discriminator")) == set(judge)
    assert not unmoved(others, parameters(game, "task_"))
    players = [player for names in game.teams.values() for player in names]
    assert all(p.requires_grad for player in players for p in game.task[player].parameters())


def test_the_terms_add_up_to_the_equation(tmp_path: Path) -> None:
    game = begun("fewshot_meta", tmp_path, lambda_encoder=3.0, lambda_mode_seeking=0.5)
    minimised: dict[str, float] = {}
    game.minimise = lambda loss, team: minimised.update({team: loss.item()})
    shown = game.tasks.real("basophil", 3, game.chance)
    z = game.noise(6, game.chance)
    fakes = torch.rand((6, 3, SIZE, SIZE), generator=game.chance) * 2 - 1
    judged = game.task["discriminator"].eval()(fakes)
    losses = game.update_generator(shown, fakes, z)
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
    whole = outcome(fitted(name, tmp_path / "whole"), tmp_path / "whole")
    torn = tmp_path / "torn"
    game = type(built(name).begin(data(), job(tmp_path / "other")))
    step = game.step
    for last in (2, 4, 6, 9):  # checkpoints at 2, 4, 6, 8: among episodes, between, in each class's adaptation

        def dying(self: Any, last: int = last) -> Any:
            if self.runtime.step >= last:
                raise KeyboardInterrupt
            return step(self)

        monkeypatch.setattr(game, "step", dying)
        with pytest.raises(KeyboardInterrupt):
            fitted(name, torn)
        monkeypatch.undo()
    assert outcome(fitted(name, torn), torn) == whole


@every_method
def test_the_seed_decides(name: str, tmp_path: Path) -> None:
    first, again, other = (
        outcome(fitted(name, tmp_path / folder, seed, **SHORT), tmp_path / folder)
        for folder, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


@every_method
def test_snapshots_do_not_disturb_the_training(name: str, tmp_path: Path) -> None:
    with_them, without = (
        fitted(name, tmp_path / str(points), snapshots=points, snapshot_images=3, inner_steps=1) for points in (4, 1)
    )
    for label in CLASSES.served:
        one, other = (g._served[label].state_dict() for g in (with_them, without))
        assert all(torch.equal(value, other[key]) for key, value in one.items())
    taken = with_them.snapshots.taken
    assert with_them.snapshots.steps == [1, 2, 3, 4]
    assert torch.equal(taken[-1], without.snapshots.taken[-1])
    assert all(not torch.equal(taken[k], taken[k + 1]) for k in range(3))
    for of, label in enumerate(CLASSES.served):
        made = sample(with_them, label, range(3), seed=7, device=CPU)
        assert np.abs(taken[-1, of].permute(0, 2, 3, 1).numpy().astype(int) - made).max() <= 1


@every_method
def test_loaded_weights_make_the_same_images(name: str, tmp_path: Path) -> None:
    generator, loaded = fitted(name, tmp_path, **SHORT), built(name, **SHORT)
    generator.save(tmp_path / "weights.safetensors")
    loaded.load(tmp_path / "weights.safetensors")
    for label in CLASSES.served:
        made = sample(generator, label, range(40), seed=3, device=CPU)
        assert made.shape == (40, SIZE, SIZE, 3)
        assert len(np.unique(made.reshape(40, -1), axis=0)) == 40
        np.testing.assert_array_equal(sample(loaded, label, range(40), seed=3, device=CPU), made)
    described = read_description(tmp_path / "weights.safetensors")
    classes = Classes(tuple(described["classes"]["trained"]), tuple(described["classes"]["served"]))
    again = built(described["method"], described["size"], classes, **described["settings"])
    again.load(tmp_path / "weights.safetensors")
    assert loaded.snapshots is None


@every_method
def test_an_image_does_not_depend_on_what_else_is_drawn(name: str, tmp_path: Path) -> None:
    generator = fitted(name, tmp_path, **SHORT)
    together = sample(generator, "monoblast", range(70), seed=3, device=CPU)
    np.testing.assert_array_equal(
        sample(generator, "monoblast", [69, 5, 33], seed=3, device=CPU), together[[69, 5, 33]]
    )
    # And hardly on the batch: rounding, where batch statistics would change the picture.
    z, indices = torch.randn(6, generator.latent), torch.arange(6)
    with torch.no_grad():
        made = generator.make("monoblast", z, indices)
        torch.testing.assert_close(generator.make("monoblast", z[2:3], indices[2:3]), made[2:3], rtol=1e-3, atol=1e-4)


def test_the_index_says_which_training_image_is_varied(tmp_path: Path) -> None:
    generator = fitted("fewshot_meta", tmp_path, **SHORT)
    monoblast, smudge = (generator._served[label] for label in ("monoblast", "smudge_cell"))
    assert monoblast.count == 20  # four images in five of their poses, all that is kept
    assert smudge.count == 16  # two in eight
    z = torch.randn(1, generator.latent)
    with torch.no_grad():
        one, two, again = (generator.make("smudge_cell", z, torch.tensor([index])) for index in (0, 1, 16))
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    assert fitted("fewshot_meta", tmp_path / "unposed", **SHORT, augment=False)._served["monoblast"].count == 4


def test_all_poses_of_an_image() -> None:
    image = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).float()
    all_of_them = poses(image, 100)
    assert len(torch.unique(all_of_them.flatten(1), dim=0)) == 16
    assert torch.equal(all_of_them[:2], image)
    assert torch.equal(poses(image, 5), all_of_them[:5])


def test_an_episode_mixes_real_and_taught_images(tmp_path: Path) -> None:
    game = begun("fewshot_meta", tmp_path)
    real = {image.tobytes() for image in data().real.pixels}

    def origins(label: str, count: int, share: float) -> tuple[int, int]:
        drawn = game.tasks.lesson(label, count, share, game.chance)
        pixels = ((drawn + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        assert len({image.tobytes() for image in pixels}) == len(pixels)
        return len(pixels), sum(image.tobytes() in real for image in pixels)

    assert origins("basophil", 4, 0.5) == (4, 2)
    assert origins("basophil", 4, 0.0) == (4, 4)
    assert origins("basophil", 4, 1.0) == (4, 0)
    assert origins("monocyte", 4, 0.5) == (4, 4)  # the teacher made none
    assert origins("basophil", 100, 0.0) == (5, 5)


def test_all_tasks_are_played(tmp_path: Path) -> None:
    game = begun("figr", tmp_path, snapshots=1, inner_steps=1, episodes=30)
    seen: list[str] = []
    lesson = game.tasks.lesson
    game.tasks.lesson = lambda label, *rest: seen.append(label) or lesson(label, *rest)
    advance(game, 30)
    assert 8 < seen.count("basophil") < 22
    assert set(seen) == set(CLASSES.trained)


@every_method
def test_it_learns_without_a_teacher_and_without_an_average(name: str, tmp_path: Path) -> None:
    generator = built(name, **SHORT, average_decay=0)
    generator.fit(data(taught=0), job(tmp_path))
    assert sample(generator, "smudge_cell", [0], seed=1, device=CPU).std() > 0


def test_the_average_is_what_is_kept(tmp_path: Path) -> None:
    game = begun("figr", tmp_path)
    advance(game, STEPS)
    kept, average = game.served["smudge_cell"].generator, game.averages["generator"].module
    for (key, value), other in zip(kept.named_parameters(), average.parameters(), strict=True):
        assert torch.equal(value, other), key
    assert unmoved(dict(kept.named_parameters()), dict(bare(game.task["generator"]).named_parameters())) == set()


def test_it_trains_in_bfloat16(tmp_path: Path) -> None:
    game = built("fewshot_meta").begin(data(), job(tmp_path, precision="bf16"))
    assert all(loss.isfinite() and loss.dtype == torch.float32 for step in advance(game, 5) for loss in step.values())


def test_adapting_brings_the_images_to_the_class(tmp_path: Path) -> None:
    generator = built("fewshot_meta", episodes=1, adapt_steps=40, lr=1e-2, lambda_encoder=10.0, snapshots=1)
    counts = {"basophil": 5, "monocyte": 6, "monoblast": 4, "smudge_cell": 4}
    generator.fit(data(counts), job(tmp_path))
    levels = {label: sample(generator, label, range(8), seed=1, device=CPU).mean() for label in CLASSES.served}
    assert levels["monoblast"] == pytest.approx(180, abs=15)
    assert levels["smudge_cell"] == pytest.approx(220, abs=15)


@every_method
@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"basophil": 5, "monoblast": 4, "smudge_cell": 2}, "class monocyte: is to be learned from, but has no real"),
        (
            {"basophil": 5, "monocyte": 5, "monoblast": 1, "smudge_cell": 2},
            "class monoblast: has 1 real .* image, and",
        ),
        ({"basophil": 5, "monocyte": 5, "monoblast": 2}, "smudge_cell: has 0 .* few-shot needs at least 2"),
    ],
)
def test_classes_with_too_few_images_are_refused(name: str, counts: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        built(name).fit(data(counts), job(tmp_path))


@every_method
def test_what_cannot_be_built_or_fitted_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"method {name}: has no class to learn from"):
        built(name, classes=Classes((), CLASSES.served))
    with pytest.raises(InputError, match="no class to make images of"):
        built(name, classes=Classes(CLASSES.trained, ()))
    with pytest.raises(InputError, match="48 px is no power of two"):
        built(name, 48)
    with pytest.raises(InputError, match="real images: are 32x32 px, but the networks were built for 16x16 px"):
        built(name).fit(data(size=32), job(tmp_path))
    with pytest.raises(InputError, match="images of the teacher: are 32x32 px"):
        built(name).fit(SynthesisData(data().real, images({}, 1), data(size=32).taught), job(tmp_path))
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        built(name).make("monoblast", torch.zeros(1, 5), torch.zeros(1, dtype=torch.int64))


@every_method
def test_weights_of_other_settings_are_refused_and_not_taken(name: str, tmp_path: Path) -> None:
    fitted(name, tmp_path, **SHORT).save(tmp_path / "weights.safetensors")
    others = Classes(CLASSES.trained, ("monoblast", "promyelocyte"))
    for other, named in (
        (built(name, width=8, **SHORT), "width: 4 there, 8 here"),
        (built(name, 32, **SHORT), "size: 16 there, 32 here"),
        (built(name, classes=others, **SHORT), "classes.served"),
    ):
        with pytest.raises(InputError, match=named):
            other.load(tmp_path / "weights.safetensors")


@every_method
def test_a_resume_refuses_other_images(name: str, tmp_path: Path) -> None:
    fitted(name, tmp_path, **SHORT)
    with pytest.raises(InputError, match="images"):
        built(name, **SHORT).fit(data(taught=0), job(tmp_path))


@every_method
def test_parameters_are_counted_by_network(name: str, tmp_path: Path) -> None:
    generator, game = built(name), begun(name, tmp_path)
    for player, count in generator.parameters.items():
        assert count == sum(value.numel() for value in parameters(game, f"task_{player}").values())
    assert set(generator.parameters) == {player for names in game.teams.values() for player in names}
    assert generator.latent == 5
    assert runtime().device == CPU
