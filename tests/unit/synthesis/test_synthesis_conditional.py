"""C-WGAN-GP and CWGAN-GP: resuming, saving and use, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from helpers.conditional_generators import (
    LABELS,
    SIZE,
    built,
    cells,
    data,
    every_method,
    fitted,
    initialise,
    job,
    parameters,
)
from helpers.small_trainings import cpu
from hemabalance.errors import InputError
from hemabalance.synthesis.conditional_training import ConditionalTraining
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import open_by_description
from hemabalance.synthesis.sampling import sample
from hemabalance.training.job import Images


def drawn(generator: Any, label: str, count: int = 5) -> np.ndarray:
    return sample(generator, label, range(count), seed=1, device=torch.device("cpu"))


def outcome(generator: Any, folder: Path) -> tuple[bytes, bytes, bytes]:
    generator.save(folder / "weights.safetensors")
    files = (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    return *files, generator.snapshots.taken.numpy().tobytes()


@every_method
def test_a_training_stopped_at_any_step_ends_as_one_that_was_not(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outcome(fitted(name, tmp_path / "whole"), tmp_path / "whole")
    torn, update_networks = tmp_path / "torn", ConditionalTraining.update_networks
    for fatal in (2, 3, 4):  # checkpoints at 2, 4, 6: the first session leaves none, the third loses a step
        taken = iter(range(1, 100))

        def dying(self: Any, fatal: int = fatal, taken: Iterator[int] = taken) -> Any:
            if next(taken) >= fatal:
                raise KeyboardInterrupt
            return update_networks(self)

        monkeypatch.setattr(ConditionalTraining, "update_networks", dying)
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
    again = open_by_description(tmp_path / "weights.safetensors", cpu())
    assert again.snapshots is None
    other = built(name, steps=2)
    other.load(tmp_path / "weights.safetensors")
    for loaded in (other, again):
        for label in LABELS:
            made = drawn(generator, label)
            assert made.shape == (5, SIZE, SIZE, 3)
            assert made.dtype == np.uint8
            np.testing.assert_array_equal(drawn(loaded, label), made)
    assert (drawn(generator, "platelet") != drawn(generator, "basophil")).any()


@every_method
def test_parameters_are_counted_by_player(name: str, tmp_path: Path) -> None:
    counted = {
        player: sum(p.numel() for p in own.values()) for player, own in parameters(initialise(name, tmp_path)).items()
    }
    assert built(name).parameters == counted
    assert set(counted) == {"generator", "critic"} | ({"classifier"} if name == "c_wgan_gp" else set())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"trained": LABELS[::-1]}, "classes.trained"),
        ({"served": LABELS[:2]}, r"classes.served: \[.*platelet"),
        ({"width": 8}, "settings.width: stored 4, expected 8"),
        ({"lr": 1e-3}, "settings.lr"),
        ({"size": 32}, "size: stored 16, expected 32"),
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
    with pytest.raises(InputError, match='method: stored "cwgan_gp", expected "c_wgan_gp"'):
        built("c_wgan_gp", steps=1).load(tmp_path / "weights.safetensors")


@every_method
def test_what_cannot_serve_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="platelet is none of them"):
        built(name, trained=LABELS[:2])
    with pytest.raises(InputError, match="24 px is not divisible by 16"):
        built(name, size=24)
    with pytest.raises(ValidationError, match="critic_width"):
        built(name, critic_width=0)
    lacking = ("basophil", "lymphocyte", "monocyte")
    with pytest.raises(InputError, match=r"class lymphocyte: .* no real training image"):
        built(name, trained=lacking, served=lacking).initialise_training(data(), job(tmp_path))
    with pytest.raises(InputError, match="real images: 32x32 px, but the networks were built for 16x16 px"):
        built(name).initialise_training(data(size=32), job(tmp_path))
    with pytest.raises(InputError, match="batch: is 99, but there are only 10 training images"):
        initialise(name, tmp_path, batch=99)


def test_held_back_images_of_another_size_are_refused(tmp_path: Path) -> None:
    given = data()
    odd = SynthesisData(given.real, cells(list(LABELS), 1, 32), given.taught)
    with pytest.raises(InputError, match="images held back: 32x32 px"):
        built("c_wgan_gp").initialise_training(odd, job(tmp_path))


def test_snapshots_end_with_what_the_generator_makes(tmp_path: Path) -> None:
    generator = fitted("c_wgan_gp", tmp_path, served=LABELS[1:])
    assert generator.snapshots.steps == [2, 4, 6]
    assert generator.snapshots.classes == LABELS[1:]
    for k, label in enumerate(LABELS[1:]):
        made = sample(generator, label, range(2), seed=7, device=torch.device("cpu"))
        last = generator.snapshots.taken[-1, k].permute(0, 2, 3, 1).numpy()
        assert np.abs(last.astype(int) - made).max() <= 1  # another batch, another rounding
    assert (generator.snapshots.taken[0] != generator.snapshots.taken[1]).any()
