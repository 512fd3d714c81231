"""C-WGAN-GP and CWGAN-GP: resuming, saving, loading, sampling and refused inputs."""

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
    build,
    cells,
    data,
    every_method,
    fit,
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


def sample_images(generator: Any, label: str, count: int = 5) -> np.ndarray:
    return sample(generator, label, range(count), seed=1, device=torch.device("cpu"))


def outcome(generator: Any, folder: Path) -> tuple[bytes, bytes, bytes]:
    generator.save(folder / "weights.safetensors")
    files = (folder / "weights.safetensors").read_bytes(), (folder / "history.jsonl").read_bytes()
    return *files, generator.snapshots.images.numpy().tobytes()


@every_method
def test_an_interrupted_training_ends_with_the_same_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = outcome(fit(name, tmp_path / "uninterrupted"), tmp_path / "uninterrupted")
    folder, update_networks = tmp_path / "interrupted", ConditionalTraining.update_networks
    for fatal in (2, 3, 4):  # checkpoints at 2, 4, 6: the first run saves none, the third loses a step
        calls = iter(range(1, 100))

        def interrupted_update(self: Any, fatal: int = fatal, calls: Iterator[int] = calls) -> Any:
            if next(calls) >= fatal:
                raise KeyboardInterrupt
            return update_networks(self)

        monkeypatch.setattr(ConditionalTraining, "update_networks", interrupted_update)
        with pytest.raises(KeyboardInterrupt):
            fit(name, folder)
        monkeypatch.undo()
    assert outcome(fit(name, folder), folder) == uninterrupted


def test_the_result_depends_on_the_seed_only(tmp_path: Path) -> None:
    first, repeated, other = (
        outcome(fit("c_wgan_gp", tmp_path / folder, seed, steps=1), tmp_path / folder)
        for folder, seed in (("first", 7), ("repeated", 7), ("other", 8))
    )
    assert first == repeated
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_a_resume_refuses_other_images_but_not_other_intervals(tmp_path: Path) -> None:
    fit("cwgan_gp", tmp_path, steps=2)
    real = data().real
    with pytest.raises(InputError, match="images"):
        build("cwgan_gp", steps=2).fit(data(Images(real.pixels // 2, real.labels)), job(tmp_path))
    assert build("cwgan_gp", steps=2, checkpoint_every=5, memory_budget=0).fit(data(), job(tmp_path)).steps == 2


@every_method
def test_loaded_weights_give_the_same_images(name: str, tmp_path: Path) -> None:
    generator = fit(name, tmp_path, steps=2)
    generator.save(tmp_path / "weights.safetensors")
    described = open_by_description(tmp_path / "weights.safetensors", cpu())
    assert described.snapshots is None
    other = build(name, steps=2)
    other.load(tmp_path / "weights.safetensors")
    for loaded in (other, described):
        for label in LABELS:
            images = sample_images(generator, label)
            assert images.shape == (5, SIZE, SIZE, 3)
            assert images.dtype == np.uint8
            np.testing.assert_array_equal(sample_images(loaded, label), images)
    assert (sample_images(generator, "platelet") != sample_images(generator, "basophil")).any()


@every_method
def test_parameters_are_counted_by_network(name: str, tmp_path: Path) -> None:
    counts = {
        network: sum(p.numel() for p in values.values())
        for network, values in parameters(initialise(name, tmp_path)).items()
    }
    assert build(name).parameters == counts
    assert set(counts) == {"generator", "critic"} | ({"classifier"} if name == "c_wgan_gp" else set())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"trained": LABELS[::-1]}, "classes.trained"),
        ({"served": LABELS[:2]}, r"classes.served: stored .*platelet"),
        ({"width": 8}, "settings.width: stored 4, expected 8"),
        ({"lr": 1e-3}, "settings.lr"),
        ({"size": 32}, "size: stored 16, expected 32"),
    ],
)
def test_weights_of_another_generator_are_refused_and_not_loaded(changed: Any, named: str, tmp_path: Path) -> None:
    fit("cwgan_gp", tmp_path, steps=1).save(tmp_path / "weights.safetensors")
    other = build("cwgan_gp", **{"steps": 1, **changed})
    with pytest.raises(InputError, match=named):
        other.load(tmp_path / "weights.safetensors")
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        sample_images(other, "monocyte")
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        other.save(tmp_path / "weights.safetensors")


def test_weights_of_the_other_method_are_refused(tmp_path: Path) -> None:
    fit("cwgan_gp", tmp_path, steps=1).save(tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match='method: stored "cwgan_gp", expected "c_wgan_gp"'):
        build("c_wgan_gp", steps=1).load(tmp_path / "weights.safetensors")


@every_method
def test_unusable_classes_sizes_and_data_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="platelet is none of them"):
        build(name, trained=LABELS[:2])
    with pytest.raises(InputError, match="24 px is not divisible by 16"):
        build(name, size=24)
    with pytest.raises(ValidationError, match="critic_width"):
        build(name, critic_width=0)
    lacking = ("basophil", "lymphocyte", "monocyte")
    with pytest.raises(InputError, match=r"class lymphocyte: .* no real training image"):
        build(name, trained=lacking, served=lacking).initialise_training(data(), job(tmp_path))
    with pytest.raises(InputError, match="real images: 32x32 px, but the networks were built for 16x16 px"):
        build(name).initialise_training(data(size=32), job(tmp_path))


@every_method
def test_with_fewer_images_than_a_batch_the_batch_is_smaller(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images, targets = initialise(name, tmp_path, batch=99).real.next_batch()
    assert (len(images), len(targets)) == (10, 10)
    assert "Only 10 training images: batches of 10 instead of 99" in caplog.text


def test_held_back_images_of_another_size_are_refused(tmp_path: Path) -> None:
    usual = data()
    changed = SynthesisData(usual.real, cells(list(LABELS), 1, 32), usual.teacher_images)
    with pytest.raises(InputError, match="images held back: 32x32 px"):
        build("c_wgan_gp").initialise_training(changed, job(tmp_path))


def test_the_last_snapshot_shows_images_of_the_fitted_generator(tmp_path: Path) -> None:
    generator = fit("c_wgan_gp", tmp_path, served=LABELS[1:])
    assert generator.snapshots.steps == [2, 4, 6]
    assert generator.snapshots.classes == LABELS[1:]
    for k, label in enumerate(LABELS[1:]):
        images = sample(generator, label, range(2), seed=7, device=torch.device("cpu"))
        last = generator.snapshots.images[-1, k].permute(0, 2, 3, 1).numpy()
        assert np.abs(last.astype(int) - images).max() <= 1  # rounding depends on the batch
    assert (generator.snapshots.images[0] != generator.snapshots.images[1]).any()
