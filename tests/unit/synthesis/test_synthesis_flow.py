"""The method flow: it learns each class of a toy data set, its augmentation does not leak, and draws by class size."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from helpers.fewshot_generators import job, runtime
from helpers.method_settings import small_settings
from hemabalance.errors import InputError
from hemabalance.gpu_check.steps import take_steps
from hemabalance.methods import settings_class
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.colour_augmentation import COLOUR_FACTORS, augment_colour, change_colour
from hemabalance.training.job import Images

SIZE = 16
RED, BLUE = (200, 60, 60), (60, 60, 200)
CLASSES = Classes(("blue", "red"), ("blue", "red"))
CPU = torch.device("cpu")


def toy(red: int = 24, blue: int = 8) -> SynthesisData:
    """Images of one colour with little noise; the colour is that of the class."""
    labels = np.array(["red"] * red + ["blue"] * blue)
    colours = np.array([RED if label == "red" else BLUE for label in labels])[:, None, None]
    pixels = np.clip(colours + np.random.default_rng(1).integers(-8, 9, (len(labels), SIZE, SIZE, 3)), 0, 255)
    real = Images(pixels.astype(np.uint8), labels)
    none = Images(real.pixels[:0], real.labels[:0])
    return SynthesisData(real, none, none)


def build(classes: Classes = CLASSES, **changed: Any) -> Any:
    settings = small_settings("synthesis", "flow", **changed)
    return GeneratorSpec(method="flow", settings=settings).build(classes=classes, size=SIZE, runtime=runtime())


def start(folder: Path, data: SynthesisData | None = None, **changed: Any) -> Any:
    return build(**changed).initialise_training(data or toy(), job(folder))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A generator that was trained on the toy data with strong colour augmentation, and its losses."""
    folder = tmp_path_factory.mktemp("flow")
    generator = build(
        width=16, batch=16, steps=250, lr=3e-3, average_decay=0.9, colour_strength=0.3, log_every=10, sampling_steps=8,
        checkpoint_every=250,
    )  # fmt: skip
    generator.fit(toy(), job(folder))
    lines = (folder / "history.jsonl").read_text().splitlines()
    return generator, [float(line.split('"velocity": ')[1].split("}")[0].split(",")[0]) for line in lines]


def test_the_loss_falls_and_each_class_has_its_colour(fitted: Any) -> None:
    generator, losses = fitted
    assert np.mean(losses[-3:]) < 0.65 * losses[0]
    for label, colour in (("red", RED), ("blue", BLUE)):
        pixels = sample(generator, label, range(24), seed=1, device=CPU).astype(float)
        np.testing.assert_allclose(pixels.mean((0, 1, 2)), colour, atol=35)


def test_an_image_does_not_depend_on_the_others_that_are_drawn(fitted: Any) -> None:
    generator, _ = fitted
    several = sample(generator, "red", [3, 40, 7], seed=1, device=CPU)
    assert np.array_equal(sample(generator, "red", [40], seed=1, device=CPU)[0], several[1])
    assert not np.array_equal(several[0], several[1])


def test_factors_of_the_augmentation_are_an_input_in_training_and_zero_at_sampling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = start(tmp_path, colour_strength=0.3)
    images, factors = training.augmented(training.real.next_batch()[0])
    assert factors.shape == (2, COLOUR_FACTORS)
    given: list[Any] = []
    training.network.embedding.register_forward_hook(lambda module, inputs, output: given.append(inputs[2]))
    take_steps(training, training.runtime, 1)
    assert given[0] is not None
    assert given[0].any()
    generator = build()
    generator.finish(None)
    generator.network.embedding.register_forward_hook(lambda module, inputs, output: given.append(inputs[2]))
    del given[:]
    sample(generator, "red", [0], seed=1, device=CPU)
    assert given
    assert all(factors is None or not factors.any() for factors in given)
    assert start(tmp_path, colour_strength=0.0).augmented(images) == (images, None)


def test_factors_of_zero_leave_colours_and_random_ones_are_those_of_the_augmentation() -> None:
    images = torch.rand(3, 3, 4, 4) * 1.6 - 0.8
    torch.testing.assert_close(change_colour(images, torch.zeros(3, COLOUR_FACTORS)), images, atol=1e-5, rtol=0)
    assert not torch.allclose(augment_colour(images, 0.3, torch.Generator().manual_seed(1)), images, atol=0.01)


@pytest.mark.parametrize(("draws", "share"), [("balanced", 0.5), ("root", 2 / 3), ("natural", 0.8)])
def test_classes_are_drawn_as_the_setting_says(draws: str, share: float, tmp_path: Path) -> None:
    training = start(tmp_path, toy(red=32, blue=8), draws=draws, batch=32)
    targets = torch.cat([training.real.next_batch()[1] for _ in range(60)])
    red = CLASSES.trained.index("red")
    assert float((targets == red).float().mean()) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(("share", "dropped"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_a_share_of_the_labels_is_dropped(share: float, dropped: float, tmp_path: Path) -> None:
    training = start(tmp_path, drop_class=share)
    targets = training.with_dropped(torch.zeros(4000, dtype=torch.int64))
    no_class = training.network.no_class
    assert float((targets == no_class).float().mean()) == pytest.approx(dropped, abs=0.03)
    assert set(targets.tolist()) <= {0, no_class}


@pytest.mark.parametrize(
    "values",
    [
        {"patch": 0}, {"solver": "runge"}, {"guidance": -1.0}, {"sampling_steps": 0}, {"draws": "all"},
        {"drop_class": 1.5}, {"warmup_share": -0.1}, {"blocks": 0},
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(values))):
        settings_class("synthesis", "flow")(**values)


def test_a_size_or_data_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"generator method flow: .* px"):
        build(patch=3)
    with pytest.raises(InputError, match=r"class blue: .*no real training image"):
        build().fit(toy(blue=0), job(tmp_path))
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        sample(build(), "red", [0], seed=1, device=CPU)
