"""InfoGAN: codes, the bound of the information, and names of the codes."""

import logging
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from helpers.conditional_generators import COLOURS, LABELS, build, data, initialise, job
from helpers.small_trainings import lines
from hemabalance.errors import InputError
from hemabalance.synthesis.methods.infogan.codes import (
    LEAST_DEVIATION,
    CodedGenerator,
    category_information,
    continuous_information,
)
from hemabalance.synthesis.methods.infogan.naming import assign_codes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import unwrapped
from hemabalance.training.job import Images


def generator(classes: int = 3, latent: int = 6) -> CodedGenerator:
    return CodedGenerator(16, 4, latent, classes, "batch")


def test_two_latent_numbers_become_uniform_codes_and_the_class_its_code() -> None:
    network = generator()
    network.code_of_class.copy_(torch.tensor([2, 0, 1]))
    z = torch.randn((4000, 6), generator=torch.Generator().manual_seed(1))
    targets = torch.arange(4000) % 3
    inputs = network.encode(z, targets)
    categories, continuous = network.codes(inputs)
    assert torch.equal(categories, torch.tensor([2, 0, 1])[targets])
    assert torch.equal(inputs[:, 2:6], z[:, 2:])
    quantiles = torch.quantile(continuous, torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]), dim=0)
    expected = torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None].expand(5, 2)
    torch.testing.assert_close(quantiles, expected, atol=0.04, rtol=0)
    assert continuous.abs().max() < 1


def test_the_information_is_at_most_the_entropy_of_the_codes() -> None:
    categories, codes = torch.tensor([0, 1, 2]), torch.tensor([[0.5, -0.5], [0.0, 0.9], [-1.0, 0.1]])
    logits = torch.nn.functional.one_hot(categories, 3) * 50.0
    exponents = torch.full((3, 2), -30.0)
    known = torch.cat((logits, codes, exponents), dim=1)
    assert category_information(known, categories).item() == pytest.approx(log(3))
    assert category_information(torch.zeros(3, 7), categories).item() == pytest.approx(0)
    assert category_information(known, (categories + 1) % 3).item() < -10
    # A normal density at its mean is 1 / (σ √(2π)), and a uniform one of width 2 has entropy log 2.
    at_mean = 2 * (log(2) - log(LEAST_DEVIATION * np.sqrt(2 * np.pi)))
    assert continuous_information(known, codes).item() == pytest.approx(at_mean)
    assert continuous_information(known, codes + 0.1).item() == pytest.approx(at_mean - 2 * 0.5 * 4, rel=1e-4)
    normal = torch.distributions.Normal(torch.tensor([0.2, -0.3]), torch.tensor([0.7, 1.2]))
    outputs = torch.cat((torch.zeros(3), normal.mean, (normal.stddev - LEAST_DEVIATION).log())).repeat(3, 1)
    expected = normal.log_prob(codes).sum(1).mean() + 2 * log(2)
    torch.testing.assert_close(continuous_information(outputs, codes), expected)


def test_both_networks_raise_the_information_with_its_weights(tmp_path: Path) -> None:
    training = initialise("infogan", tmp_path, category_weight=0.7, continuous_weight=0.2)
    real, targets = training.sample_real()
    outputs = unwrapped(training.critic)(torch.cat((real, training.sample_fakes(targets))))
    for terms in (
        training.critic_terms(*outputs.chunk(2), targets),
        training.generator_terms(outputs.chunk(2)[1], targets),
    ):
        assert terms["category_information"][0] == -0.7
        assert terms["continuous_information"][0] == -0.2


def test_the_codes_get_the_names_with_the_most_votes_in_all() -> None:
    # Code 0 has its most votes for class 0, as code 1 does with more of them.
    votes = np.array([[40, 20, 4], [60, 4, 0], [10, 0, 54]])
    assert assign_codes(votes).tolist() == [1, 0, 2]


TWO = LABELS[:2]
DISCS = {"basophil": (70, 40, 130), "monocyte": (230, 140, 60)}


class ColourJudge:
    """Gives the class whose colour is nearest to that of the disc's centre."""

    def __init__(self, classes: tuple[str, ...] = TWO) -> None:
        self.classes = list(classes)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        colours = np.array([DISCS[name] for name in self.classes])
        centre = pixels[:, 5:11, 5:11].astype(float).mean((1, 2))
        return np.array(self.classes)[np.abs(centre[:, None] - colours).sum(2).argmin(1)]


def discs(count: int) -> Images:
    """Discs of two known factors: class, which determines the colour, and size."""
    rng = np.random.default_rng(3)
    labels = np.array([*TWO] * count)
    down, across = np.mgrid[0:16, 0:16]
    pixels = np.full((len(labels), 16, 16, 3), 235, np.uint8)
    for k, label in enumerate(labels):
        pixels[k, np.hypot(down - 7.5, across - 7.5) < rng.uniform(4, 7)] = DISCS[label]
    return Images(pixels, labels)


TOY: dict[str, Any] = {
    "latent": 5,
    "width": 8,
    "critic_width": 8,
    "batch": 16,
    "critic_steps": 2,
    "category_weight": 0.5,
}
TOY |= {"lr": 2e-3, "betas": (0.5, 0.99), "average_decay": 0.95, "steps": 350, "snapshots": 2}
TOY |= {"log_every": 25, "checkpoint_every": 1000, "trained": TWO, "served": TWO}


def test_it_finds_classes_without_labels_and_names_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Without labels, a code may come to stand for another factor, such as the size. With which seeds it does depends on
    # the rounding of the machine.
    assert any(finds_classes(seed, tmp_path / str(seed), caplog) for seed in (1, 2, 3, 4))


def finds_classes(seed: int, folder: Path, caplog: pytest.LogCaptureFixture) -> bool:
    fitted, judge = build("infogan", **TOY), cast(Any, ColourJudge())
    folder.mkdir()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        fitted.fit(replace(data(discs(20)), judge=judge), replace(job(folder), seed=seed))
    history = lines(folder)
    category, continuous = ([line[f"{kind}_information"] for line in history] for kind in ("category", "continuous"))
    rises = category[0] + 0.15 < 0.9 * log(2) < category[-1] <= log(2) and continuous[-1] > continuous[0] + 0.05
    names = [f"is {label} (100 % of 64 images): {label} 64" in caplog.text for label in TWO]
    images = [sample(fitted, label, range(40), seed=5, device=torch.device("cpu")) for label in TWO]
    return (
        rises
        and all(names)
        and all((judge.predict(x) == label).mean() > 0.9 for label, x in zip(TWO, images, strict=True))
    )


def test_a_resumed_training_and_a_loaded_generator_keep_the_names(tmp_path: Path) -> None:
    fitted = build("infogan", steps=4)
    fitted.fit(data(), job(tmp_path))
    fitted.save(tmp_path / "weights.safetensors")
    loaded = build("infogan", steps=4)
    loaded.network.code_of_class.zero_()
    loaded.load(tmp_path / "weights.safetensors")
    names = loaded.network.code_of_class
    assert sorted(names.tolist()) == [0, 1, 2]
    assert torch.equal(names, fitted.network.code_of_class)


def test_names_hold_for_the_average_and_for_the_generator_in_training(tmp_path: Path) -> None:
    training = initialise("infogan", tmp_path, average_decay=0.9)

    class Turned:
        """Sees in each code, in order, the class before it."""

        classes = sorted(COLOURS)
        calls = 0

        def predict(self, pixels: np.ndarray) -> np.ndarray:
            self.calls += 1
            return np.full(len(pixels), LABELS[(self.calls - 2) % 3])

    training.namer = Turned()
    training.runtime.monitor.step = 2
    training.take_snapshots()
    for network in (training.result(), unwrapped(training.generator)):
        assert network.code_of_class.tolist() == [1, 2, 0]
    training.runtime.monitor.step = 3  # no snapshot is due
    training.step()
    assert training.result().code_of_class.tolist() == [1, 2, 0]
    assert unwrapped(training.generator).training


def test_a_judge_is_needed_that_knows_the_classes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="generator method infogan: needs a judge"):
        build("infogan").initialise_training(replace(data(), judge=None), job(tmp_path))
    judge: Any = ColourJudge(("basophil", "platelet"))
    with pytest.raises(InputError, match="does not know monocyte"):
        build("infogan").initialise_training(replace(data(), judge=judge), job(tmp_path))


def test_too_few_latent_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="latent is 2, it must be at least 3"):
        build("infogan", latent=2)
    assert generator(latent=3).encode(torch.zeros(2, 3), torch.tensor([0, 1])).shape == (2, 6)
