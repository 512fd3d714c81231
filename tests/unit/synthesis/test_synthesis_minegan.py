"""MineGAN: what each stage changes, directions of its losses, its miner, and teachers that are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.fewshot_generators import CLASSES, SIZE, data, images, job, runtime
from helpers.method_settings import TrainingSpy, small_settings
from hemabalance.errors import InputError
from hemabalance.gpu_check.examples import untrained_teacher
from hemabalance.gpu_check.steps import take_steps
from hemabalance.networks.layers import initialise as initialise_weights
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.methods.minegan.miner import Miner, miner_std
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import unwrapped

RARE = CLASSES.served
STEPS: dict[str, Any] = {"steps": 8, "mining_share": 0.5}


def spec(**changed: Any) -> GeneratorSpec:
    return GeneratorSpec(method="minegan", settings=small_settings("synthesis", "minegan", **{**STEPS, **changed}))


def teacher(classes: Classes = CLASSES, size: int = SIZE, **changed: Any) -> Any:
    return untrained_teacher(spec(**changed), classes, size, runtime())


def taught(given: Any) -> SynthesisData:
    usual = data(teacher=0)
    return SynthesisData(usual.real, usual.held_back, usual.teacher_images, given)


def build(classes: Classes = CLASSES, **changed: Any) -> Any:
    return spec(**changed).build(classes=classes, size=SIZE, runtime=runtime())


def start(folder: Path, given: Any = None, **changed: Any) -> Any:
    return build(**changed).initialise_training(taught(given or teacher(**changed)), job(folder))


def states(training: Any, kind: str) -> list[dict[str, torch.Tensor]]:
    """Weights and buffers of the networks of a kind, by class."""
    networks = [unwrapped(training.networks[f"{kind}_{label}"]) for label in RARE]
    return [{name: value.clone() for name, value in network.state_dict().items()} for network in networks]


def parameters_of(training: Any) -> dict[str, dict[str, torch.Tensor]]:
    names = [name for name in training.networks if name != "snapshots"]
    return {
        name: {key: value.detach().clone() for key, value in training.networks[name].named_parameters()}
        for name in names
    }


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    assert a.keys() == b.keys()
    return all(torch.equal(a[name], b[name]) for name in a)


def other_codes() -> Any:
    """A generator of the rich classes whose network takes more than a latent vector and a class."""
    settings = small_settings("synthesis", "infogan")
    known = Classes(CLASSES.trained, CLASSES.trained)
    return GeneratorSpec(method="infogan", settings=settings).build(classes=known, size=SIZE, runtime=runtime())


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_first_stage_leaves_the_teacher_alone_and_the_second_trains_it(tmp_path: Path, norm: str) -> None:
    given = teacher(norm=norm)
    original = {name: value.clone() for name, value in given.network.state_dict().items()}
    training = start(tmp_path, given, norm=norm)
    before = {kind: states(training, kind) for kind in ("miner", "generator", "critic")}
    take_steps(training, training.runtime, 4)
    mined = {kind: states(training, kind) for kind in before}
    assert all(same(state, original) for state in (*before["generator"], *mined["generator"]))
    assert all(same(training.averages[f"generator_{label}"].state_dict(), original) for label in RARE)
    for kind in ("miner", "critic"):
        for k in range(len(RARE)):
            assert not same(before[kind][k], mined[kind][k])
    take_steps(training, training.runtime, 4)
    weights = dict(given.network.named_parameters()).keys()
    for kind in before:
        for earlier, later in zip(mined[kind], states(training, kind), strict=True):
            moved = {name for name in earlier if not torch.equal(earlier[name], later[name])}
            assert moved == (weights if kind == "generator" else set(earlier))
    assert same(given.network.state_dict(), original)


def test_a_step_trains_the_class_whose_turn_it_is(tmp_path: Path) -> None:
    training = start(tmp_path, mining_share=0.0)
    for turn in (0, 1, 0):
        before = {kind: states(training, kind) for kind in ("miner", "generator", "critic")}
        take_steps(training, training.runtime, 1)
        for kind, earlier in before.items():
            assert [same(*pair) for pair in zip(earlier, states(training, kind), strict=True)] == [turn == 1, turn == 0]


@pytest.mark.parametrize(("share", "trained"), [(1.0, {"miner"}), (0.0, {"miner", "generator"})])
def test_a_generator_step_raises_the_scores_of_fakes_and_leaves_the_critic_alone(
    tmp_path: Path, share: float, trained: set[str]
) -> None:
    training = start(tmp_path, mining_share=share, lr=1e-3)
    training.runtime.monitor.step, label = 1, RARE[0]
    before = parameters_of(training)

    def adversarial(update: bool) -> float:
        training.rng.manual_seed(4)
        fake = training.sample_fakes(label, 16)
        if update:
            return float(training.update_generator(label, fake)["adversarial"])
        return -float(training.frozen(training.networks[f"critic_{label}"], fake).detach().mean())

    first = adversarial(update=True)
    for _ in range(9):
        adversarial(update=True)
    assert adversarial(update=False) < first
    moved = {name for name, values in parameters_of(training).items() if not same(values, before[name])}
    assert moved == {f"{kind}_{label}" for kind in trained}


def test_a_critic_step_separates_real_from_generated_and_leaves_the_others_alone(tmp_path: Path) -> None:
    training = start(tmp_path, lr=1e-3)
    training.runtime.monitor.step, label = 1, RARE[0]
    real, before = training.sample_real(label), parameters_of(training)
    fake = training.sample_fakes(label, len(real)).detach()
    losses = [training.update_critic(label, real, fake) for _ in range(30)]
    assert losses[-1]["critic"] < losses[0]["critic"] - 0.1
    assert {name for name, values in parameters_of(training).items() if not same(values, before[name])} == {
        f"critic_{label}"
    }


def test_the_miner_gives_codes_of_the_teachers_scale() -> None:
    miner = Miner(latent=64, classes=5, width=128)
    initialise_weights(miner, torch.Generator().manual_seed(1), miner_std)
    noise = torch.randn(2000, 64, generator=torch.Generator().manual_seed(2))
    latents, mixture = miner(noise).split((64, 5), dim=1)
    assert float(latents.detach().square().mean()) == pytest.approx(1, abs=0.1)
    assert bool((mixture > 0).all())
    torch.testing.assert_close(mixture.sum(1), torch.full((2000,), 8.0))
    # A one-hot mixture is the code that the teacher was trained on.
    with torch.no_grad():
        miner.classes[2].weight.zero_()
        miner.classes[2].bias.copy_(torch.tensor([0.0, 99.0, 0.0, 0.0, 0.0]))
    network = teacher(Classes(("a", "b", "c", "d", "e"), RARE), latent=64).network
    torch.testing.assert_close(miner(noise)[:, 64:], network.encode(noise, torch.ones(2000, dtype=torch.int64))[:, 64:])
    with pytest.raises(ValueError, match="width is 0"):
        Miner(latent=1, classes=1, width=0)


def test_all_networks_of_all_classes_are_counted(tmp_path: Path) -> None:
    generator, trained = build(), parameters_of(start(tmp_path))
    assert generator.parameters == {
        kind: sum(value.numel() for label in RARE for value in trained[f"{kind}_{label}"].values())
        for kind in ("miner", "generator", "critic")
    }
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        generator.save(tmp_path / "weights")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: None, "is missing. Name a trained generator"),
        (lambda: teacher(Classes(("monocyte", "basophil"), RARE)), "on monocyte, basophil, but the student needs baso"),
        (lambda: teacher(Classes(("basophil",), RARE)), "is trained on basophil, but the student needs basophil, mono"),
        (lambda: teacher(latent=6), "has latent 6, but the student 5"),
        (lambda: teacher(width=8), "has width 8, but the student 4"),
        (lambda: teacher(norm="none"), "has norm none, but the student batch"),
        (lambda: teacher(size=32), "has size 32, but the student 16"),
        (build, "has no network that takes a latent vector and a class"),
        (other_codes, "has no network that takes a latent vector and a class"),
    ],
)
def test_an_unsuitable_teacher_is_refused(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        build().fit(taught(given()), job(tmp_path))
    assert message in str(caught.value)


def test_unsuitable_data_and_steps_are_refused(tmp_path: Path) -> None:
    usual, known = data(teacher=0), teacher()
    one = images({"basophil": 3, "monocyte": 3, "monoblast": 1, "smudge_cell": 3}, 1)
    with pytest.raises(InputError, match="monoblast"):
        build().fit(SynthesisData(one, usual.held_back, usual.teacher_images, known), job(tmp_path))
    with pytest.raises(InputError, match="steps: is 1, but 2 classes"):
        build(steps=1).fit(taught(known), job(tmp_path))
    with pytest.raises(InputError, match="size 24 px is not divisible"):
        spec().build(classes=CLASSES, size=24, runtime=runtime())


def test_a_resume_with_another_teacher_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, other = teacher(), teacher()
    with torch.no_grad():
        other.network.stem.weight.add_(1)
    TrainingSpy(monkeypatch).kill_after(1)
    with pytest.raises(KeyboardInterrupt):
        build().fit(taught(known), job(tmp_path))
    with pytest.raises(InputError, match="checkpoint"):
        build().fit(taught(other), job(tmp_path))
    build().fit(taught(known), job(tmp_path))


def test_weights_are_opened_without_the_teacher(tmp_path: Path) -> None:
    generator = build(average_decay=0.0)
    generator.fit(taught(teacher()), job(tmp_path))
    generator.save(tmp_path / "weights")
    opened: Any = open_by_description(tmp_path / "weights", runtime())
    assert (opened.classes, opened.latent) == (CLASSES, 5)
    z = torch.randn(3, 5)
    for label in RARE:
        with torch.inference_mode():
            assert torch.equal(opened.generate(label, z, z), generator.generate(label, z, z))
            assert not torch.equal(opened.generate(RARE[0], z, z), opened.generate(RARE[1], z, z))


def test_only_a_student_that_starts_from_a_network_gets_an_untrained_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = GeneratorSpec(method="figr", settings=small_settings("synthesis", "figr"))
    assert untrained_teacher(alone, CLASSES, SIZE, runtime()) is None
    assert teacher().classes == Classes(CLASSES.trained, CLASSES.trained, CLASSES.run)
    monkeypatch.setattr("hemabalance.gpu_check.examples.method_names", lambda stage: ["figr", "minegan"])
    with pytest.raises(LookupError, match="latent, width, norm, which minegan shares"):
        teacher()
