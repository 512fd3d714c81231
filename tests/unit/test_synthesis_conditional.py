"""C-WGAN-GP and CWGAN-GP: who learns when, resuming, saving and use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from trainees import cpu, lines

from hemabalance.errors import InputError
from hemabalance.synthesis import method_module
from hemabalance.synthesis.conditional_game import Game
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime, bare
from hemabalance.training.job import FitJob, Images
from hemabalance.training.weights import read_description

SIZE = 16
LABELS = ("basophil", "monocyte", "platelet")
COLOURS = {"basophil": (90, 40, 120), "monocyte": (120, 170, 60), "platelet": (220, 120, 150), "neutrophil": (0, 0, 0)}
SETTINGS: dict[str, Any] = {
    "latent": 5,
    "width": 4,
    "critic_width": 4,
    "norm": "batch",
    "lr": 2e-3,
    "betas": (0.0, 0.9),
    "batch": 4,
    "steps": 6,
    "critic_steps": 2,
    "gp_weight": 10.0,
    "average_decay": 0.5,
    "decay_from": 0.5,
    "augment": True,
    "memory_budget": 1 << 20,
    "log_every": 2,
    "checkpoint_every": 2,
    "snapshots": 3,
    "snapshot_images": 2,
}
OWN: dict[str, dict[str, Any]] = {
    "c_wgan_gp": {"class_weight": 1.0, "classifier_lr": 2e-3, "colour_strength": 0.2},
    "cwgan_gp": {},
}
LOSSES = {
    "c_wgan_gp": {"critic", "penalty", "adversarial", "class_fake", "classifier", "accuracy"},
    "cwgan_gp": {"critic", "penalty", "adversarial"},
}
every_method = pytest.mark.parametrize("name", OWN)


def cells(labels: list[str], seed: int, size: int = SIZE) -> Images:
    """Discs whose colour is their class's."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:size, 0:size]
    pixels = np.full((len(labels), size, size, 3), 235)
    for k, label in enumerate(labels):
        pixels[k, np.hypot(down - size / 2, across - size / 2) < size * rng.uniform(0.2, 0.4)] = COLOURS[label]
    return Images((pixels + rng.integers(-9, 10, pixels.shape)).clip(0, 255).astype(np.uint8), np.array(labels))


def data(real: Images | None = None, held_back: int = 4, size: int = SIZE) -> SynthesisData:
    labels = ["monocyte"] * 6 + ["basophil"] * 3 + ["neutrophil"] * 4 + ["platelet"]
    watched = [*LABELS, "neutrophil"] * held_back
    none = Images(np.empty((0, size, size, 3), np.uint8), np.empty(0, "<U1"))
    return SynthesisData(real or cells(labels, 1, size), cells(watched, 2) if watched else none, none)


def job(folder: Path, seed: int = 7, runtime: Runtime | None = None) -> FitJob:
    return FitJob(runtime or cpu(seed=seed), folder / "state", folder / "history.jsonl", threads=1, seed=seed)


def built(
    name: str, size: int = SIZE, trained: tuple[str, ...] = LABELS, served: tuple[str, ...] = LABELS, **changed: Any
) -> Any:
    settings = {**SETTINGS, **OWN[name], **changed}
    return method_module(name).build(settings, classes=Classes(trained, served), size=size, runtime=cpu())


def begun(name: str, folder: Path, **changed: Any) -> Any:
    return built(name, **changed).begin(data(), job(folder))


def fitted(name: str, folder: Path, seed: int = 7, **changed: Any) -> Any:
    generator = built(name, **changed)
    generator.fit(data(), job(folder, seed))
    return generator


def drawn(generator: Any, label: str, count: int = 5) -> np.ndarray:
    return sample(generator, label, range(count), seed=1, device=torch.device("cpu"))


def outcome(generator: Any, folder: Path) -> tuple[bytes, bytes, bytes]:
    generator.save(folder / "weights.safetensors")
    files = (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    return *files, generator.snapshots.taken.numpy().tobytes()


def parameters(game: Any) -> dict[str, dict[str, torch.Tensor]]:
    return {
        name: {key: value.detach().clone() for key, value in bare(game.networks[name]).named_parameters()}
        for name in game.optimizers
    }


def moved(game: Any, before: dict[str, dict[str, torch.Tensor]]) -> dict[str, set[str]]:
    """The players that changed, each with the names of parameters that did not."""
    after = parameters(game)
    still = {name: {key for key in own if torch.equal(own[key], after[name][key])} for name, own in before.items()}
    return {name: same for name, same in still.items() if same != set(before[name])}


@every_method
def test_every_parameter_moves_and_the_losses_have_their_names(name: str, tmp_path: Path) -> None:
    game = begun(name, tmp_path)
    before = parameters(game)
    losses = [game.step() for _ in range(2)]
    assert moved(game, before) == {player: set() for player in game.optimizers}
    assert all(set(step) - {"held_back_accuracy"} == LOSSES[name] for step in losses)
    for step in losses:
        assert all(loss.ndim == 0 and not loss.requires_grad and loss.isfinite() for loss in step.values())


@every_method
def test_each_player_learns_alone(name: str, tmp_path: Path) -> None:
    game = begun(name, tmp_path)
    real, targets = game.real.draw()
    fake = game.made(targets)
    before = parameters(game)
    game.update_critic(real, fake.detach(), targets)
    assert moved(game, before) == {"critic": set()}
    before = parameters(game)
    game.update_generator(fake, targets)
    assert moved(game, before) == {"generator": set()}
    if name == "c_wgan_gp":
        before = parameters(game)
        game.update_classifier(real, targets)
        assert moved(game, before) == {"classifier": set()}
        game.held_back_accuracy()
    assert all(p.requires_grad for player in game.optimizers for p in game.networks[player].parameters())


@every_method
def test_a_training_stopped_at_any_step_ends_as_one_that_was_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outcome(fitted(name, tmp_path / "whole"), tmp_path / "whole")
    torn, play = tmp_path / "torn", Game.play
    for fatal in (2, 3, 4):  # checkpoints at 2, 4, 6: the first session leaves none, the third loses a step
        taken = iter(range(1, 100))

        def dying(self: Any, fatal: int = fatal, taken: Iterator[int] = taken) -> Any:
            if next(taken) >= fatal:
                raise KeyboardInterrupt
            return play(self)

        monkeypatch.setattr(Game, "play", dying)
        with pytest.raises(KeyboardInterrupt):
            fitted(name, torn)
        monkeypatch.undo()
    assert outcome(fitted(name, torn), torn) == whole


def test_the_seed_decides(tmp_path: Path) -> None:
    first, again, other = (
        outcome(fitted("c_wgan_gp", tmp_path / folder, seed, steps=1), tmp_path / folder)
        for folder, seed in (("first", 7), ("again", 7), ("other", 8))
    )
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_a_resume_refuses_other_images_but_not_other_intervals(tmp_path: Path) -> None:
    fitted("cwgan_gp", tmp_path, steps=2)
    real = data().real
    with pytest.raises(InputError, match="images"):
        built("cwgan_gp", steps=2).fit(data(Images(real.pixels // 2, real.labels)), job(tmp_path))
    assert built("cwgan_gp", steps=2, checkpoint_every=5, memory_budget=0).fit(data(), job(tmp_path)).steps == 2


@every_method
def test_loaded_weights_make_the_images_of_the_fitted_ones(name: str, tmp_path: Path) -> None:
    generator = fitted(name, tmp_path, steps=2)
    generator.save(tmp_path / "weights.safetensors")
    described = read_description(tmp_path / "weights.safetensors")
    again = method_module(described["method"]).build(
        described["settings"],
        classes=Classes(*(tuple(described["classes"][role]) for role in ("trained", "served"))),
        size=described["size"],
        runtime=cpu(),
    )
    assert again.snapshots is None
    for loaded in (built(name, steps=2), again):
        loaded.load(tmp_path / "weights.safetensors")
        for label in LABELS:
            made = drawn(generator, label)
            assert made.shape == (5, SIZE, SIZE, 3)
            assert made.dtype == np.uint8
            np.testing.assert_array_equal(drawn(loaded, label), made)
    assert (drawn(generator, "platelet") != drawn(generator, "basophil")).any()


@every_method
def test_parameters_are_counted_by_player(name: str, tmp_path: Path) -> None:
    counted = {
        player: sum(p.numel() for p in own.values()) for player, own in parameters(begun(name, tmp_path)).items()
    }
    assert built(name).parameters == counted
    assert set(counted) == {"generator", "critic"} | ({"classifier"} if name == "c_wgan_gp" else set())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"trained": LABELS[::-1]}, "classes.trained"),
        ({"served": LABELS[:2]}, r"classes.served: \[.*platelet"),
        ({"width": 8}, "settings.width: 4 there, 8 here"),
        ({"lr": 1e-3}, "settings.lr"),
        ({"size": 32}, "size: 16 there, 32 here"),
    ],
)
def test_weights_of_something_else_are_refused_and_not_taken(changed: Any, named: str, tmp_path: Path) -> None:
    fitted("cwgan_gp", tmp_path, steps=1).save(tmp_path / "weights.safetensors")
    other = built("cwgan_gp", **{"steps": 1, **changed})
    with pytest.raises(InputError, match=named):
        other.load(tmp_path / "weights.safetensors")
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        drawn(other, "monocyte")
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        other.save(tmp_path / "weights.safetensors")


def test_weights_of_the_other_method_are_refused(tmp_path: Path) -> None:
    fitted("cwgan_gp", tmp_path, steps=1).save(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match='method: "cwgan_gp" there, "c_wgan_gp" here'):
        built("c_wgan_gp", steps=1).load(tmp_path / "weights.safetensors")


@every_method
def test_what_cannot_serve_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="platelet is none of them"):
        built(name, trained=LABELS[:2])
    with pytest.raises(InputError, match="24 px does not divide by 16"):
        built(name, size=24)
    with pytest.raises(InputError, match="width is 0"):
        built(name, critic_width=0)
    lacking = ("basophil", "lymphocyte", "monocyte")
    with pytest.raises(InputError, match=r"class lymphocyte: .* no real training image"):
        built(name, trained=lacking, served=lacking).begin(data(), job(tmp_path))
    with pytest.raises(InputError, match="real images: 32x32 px, but the networks were built for 16x16 px"):
        built(name).begin(data(size=32), job(tmp_path))
    with pytest.raises(InputError, match="batch: is 99, but there are only 10 images"):
        begun(name, tmp_path, batch=99)


def test_held_back_images_of_another_size_are_refused(tmp_path: Path) -> None:
    given = data()
    odd = SynthesisData(given.real, cells(list(LABELS), 1, 32), given.taught)
    with pytest.raises(InputError, match="images held back: 32x32 px"):
        built("c_wgan_gp").begin(odd, job(tmp_path))


def test_classes_are_drawn_alike_often_and_no_other(tmp_path: Path) -> None:
    game = begun("c_wgan_gp", tmp_path, augment=False, trained=("monocyte", "platelet", "basophil"))
    counts = torch.zeros(3)
    for _ in range(150):
        real, targets = game.real.draw()
        counts += torch.bincount(targets, minlength=3)
        dark = real.amin(dim=1).flatten(1).median(dim=1).values  # neutrophils are black
        assert (dark > -0.95).all()
        for image, target in zip(real, targets, strict=True):
            colour = torch.tensor(COLOURS[("monocyte", "platelet", "basophil")[target]]) / 127.5 - 1
            assert (image[:, SIZE // 2, SIZE // 2] - colour).abs().max() < 0.08
    assert counts.min() > 150  # of 600
    asked = torch.bincount(torch.cat([game.drawn()[1] for _ in range(150)]), minlength=3)
    assert asked.min() > 150


def test_only_the_critic_that_is_told_compares_like_with_like(tmp_path: Path) -> None:
    told, untold = begun("cwgan_gp", tmp_path), begun("c_wgan_gp", tmp_path)
    targets = torch.tensor([0, 1, 2, 0])
    assert [t.tolist() for t in told.told(targets)] == [[0, 1, 2, 0]]
    assert untold.told(targets) == ()
    real, shown = told.drawn()
    scores = bare(told.critic)
    assert not torch.equal(scores(real, shown), scores(real, (shown + 1) % 3))


def test_the_critic_sees_new_images_at_each_of_its_steps(tmp_path: Path) -> None:
    for name, draws in (("cwgan_gp", 3), ("c_wgan_gp", 4)):  # the classifier has its own
        game = begun(name, tmp_path, critic_steps=3)
        game.step()
        assert game.samplers["real"].state_dict()["draws"] == draws


def test_losses_add_up_as_weighted(tmp_path: Path) -> None:
    game = begun("c_wgan_gp", tmp_path, class_weight=0.3, gp_weight=7.0)
    minimised: list[float] = []

    def minimise(loss: torch.Tensor, *others: Any) -> None:
        minimised.append(loss.item())

    game.runtime = _Noting(game.runtime, minimise)
    real, targets = game.real.draw()
    fake = game.made(targets)
    of_critic = game.update_critic(real, fake.detach(), targets)
    of_generator = game.update_generator(fake, targets)
    assert minimised == [
        pytest.approx(float(of_critic["critic"] + 7 * of_critic["penalty"]), rel=1e-5),
        pytest.approx(float(of_generator["adversarial"] + 0.3 * of_generator["class_fake"]), rel=1e-5),
    ]
    critic, classifier = (bare(game.networks[player]) for player in ("critic", "classifier"))
    assert of_critic["critic"].item() == pytest.approx((critic(fake).mean() - critic(real).mean()).item(), rel=1e-4)
    assert of_generator["adversarial"].item() == pytest.approx(-critic(fake).mean().item(), rel=1e-4)
    chances = classifier(fake).softmax(1)[torch.arange(len(targets)), targets]
    assert of_generator["class_fake"].item() == pytest.approx(-chances.log().mean().item(), rel=1e-4)


class _Noting:
    """A runtime that takes note of losses instead of steps."""

    def __init__(self, runtime: Runtime, minimise: Any) -> None:
        self._runtime, self.minimise = runtime, minimise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)


def test_the_classifier_is_watched_on_images_held_back(tmp_path: Path) -> None:
    built("c_wgan_gp", steps=5, critic_steps=1).fit(data(), job(tmp_path / "watched"))
    history = lines(tmp_path / "watched")
    assert [line["step"] for line in history if "held_back_accuracy" in line] == [2, 4, 5]
    built("c_wgan_gp", steps=2).fit(data(held_back=0), job(tmp_path / "unwatched"))
    assert all("held_back_accuracy" not in line for line in lines(tmp_path / "unwatched"))


def test_the_classifier_learns_the_classes_and_the_generator_from_it(tmp_path: Path) -> None:
    game = begun("c_wgan_gp", tmp_path, lr=5e-3, classifier_lr=5e-3, colour_strength=0.0, class_weight=10.0)
    before = game.held_back_accuracy()
    losses = [game.update_classifier(*game.real.draw()) for _ in range(60)]
    assert losses[-1]["classifier"] < 0.1 * losses[0]["classifier"]
    assert before < 0.9 < game.held_back_accuracy()
    watched = data().held_back
    kept = watched.labels != "neutrophil"
    logits = bare(game.classifier)(torch.from_numpy(watched.pixels[kept]).permute(0, 3, 1, 2) / 127.5 - 1)
    right = np.array(LABELS)[logits.argmax(1)] == watched.labels[kept]
    assert game.held_back_accuracy().item() == pytest.approx(right.mean())
    targets = torch.arange(12) % 3
    missed = [game.update_generator(game.made(targets), targets)["class_fake"].item() for _ in range(40)]
    assert np.mean(missed[-5:]) < 0.5 < np.log(3) < np.mean(missed[:5])


def test_a_told_critic_prefers_images_of_the_class_it_is_told(tmp_path: Path) -> None:
    game = begun("cwgan_gp", tmp_path, lr=5e-3)
    for _ in range(40):
        real, targets = game.real.draw()
        other, _ = game.real.draw()  # as real as the others: only the class gives them away
        game.update_critic(real, other, targets)
    real, targets = game.real.draw()
    assert game.critic(real, targets).mean() > game.critic(real, (targets + 1) % 3).mean() + 0.5


def test_snapshots_end_with_what_the_generator_makes(tmp_path: Path) -> None:
    generator = fitted("c_wgan_gp", tmp_path, served=LABELS[1:])
    assert generator.snapshots.steps == [2, 4, 6]
    assert generator.snapshots.classes == LABELS[1:]
    for k, label in enumerate(LABELS[1:]):
        made = sample(generator, label, range(2), seed=7, device=torch.device("cpu"))
        last = generator.snapshots.taken[-1, k].permute(0, 2, 3, 1).numpy()
        assert np.abs(last.astype(int) - made).max() <= 1  # another batch, another rounding
    assert (generator.snapshots.taken[0] != generator.snapshots.taken[1]).any()


def test_snapshots_leave_a_generator_without_average_in_training(tmp_path: Path) -> None:
    game = begun("cwgan_gp", tmp_path, average_decay=None)
    game.runtime.monitor.step = 2
    game.take_snapshots()
    assert not game.averages
    assert all(module.training for module in bare(game.generator).modules())


def test_the_average_is_used_where_there_is_one(tmp_path: Path) -> None:
    game = begun("cwgan_gp", tmp_path, average_decay=0.9)
    before = parameters(game)["generator"]
    game.step()
    used = dict(game.result().named_parameters())
    for key, value in parameters(game)["generator"].items():
        torch.testing.assert_close(used[key], 0.9 * before[key] + 0.1 * value)


def test_the_learning_rates_fall_to_nothing_after_their_share_of_the_steps(tmp_path: Path) -> None:
    game = begun("c_wgan_gp", tmp_path, classifier_lr=1e-3)
    rates = []
    for _ in range(6):
        rates.append(
            [game.optimizers[player].param_groups[0]["lr"] for player in ("generator", "critic", "classifier")]
        )
        game.step()
    shares = np.array([1, 1, 1, 1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(rates, shares[:, None] * [2e-3, 2e-3, 1e-3])


def test_it_trains_in_bfloat16(tmp_path: Path) -> None:
    game = built("c_wgan_gp").begin(data(), job(tmp_path, runtime=cpu("bf16")))
    losses = [game.step() for _ in range(2)]
    assert all(loss.isfinite() and loss.dtype == torch.float32 for step in losses for loss in step.values())


def test_a_step_at_the_full_size(tmp_path: Path) -> None:
    full = {"latent": 128, "width": 64, "critic_width": 64, "batch": 2, "critic_steps": 1, "snapshot_images": 1}
    generator = built("c_wgan_gp", 128, **full, steps=1, snapshots=1)
    real = cells(["basophil", "monocyte", "platelet"], 1, 128)
    trained = generator.fit(data(real, held_back=0, size=128), job(tmp_path))
    assert trained.steps == 1
    assert generator.snapshots.taken.shape == (1, 3, 1, 3, 128, 128)
    assert generator.snapshots.taken.float().std() > 1
