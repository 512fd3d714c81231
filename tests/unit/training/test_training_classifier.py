"""The small classifier, and the random colour augmentation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hemabalance.errors import InputError
from hemabalance.torchvision_compat import make_torchvision_importable
from hemabalance.training.classifier import Classifier, fit_classifier
from hemabalance.training.colour_augmentation import augment_colour
from hemabalance.training.device import start
from hemabalance.training.job import FitJob, Images
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

make_torchvision_importable()
from torchvision.transforms import functional as reference  # noqa: E402

SETTINGS: dict[str, Any] = {
    "width": 4, "batch": 8, "steps": 30, "lr": 0.01, "colour_strength": 0.5, "memory_budget": 1 << 20, "log_every": 10,
    "checkpoint_every": 10,
}  # fmt: skip


def images(seed: int = 0) -> Images:
    """Two classes that differ in shape in every pose: wide or narrow stripes, in random colours."""
    wide, narrow = (np.where(np.arange(16) % period < period / 2, 1.0, 0.3) for period in (16, 4))
    stripes = np.where(np.arange(24)[:, None] % 2, wide, narrow)[:, None, :, None] * np.ones((1, 16, 1, 1))
    pixels = stripes * np.random.default_rng(seed).integers(100, 256, (24, 1, 1, 3))
    return Images(pixels.astype(np.uint8), np.where(np.arange(24) % 2, "basophil", "monocyte"))


def fit(folder: Path, augmentation: str = "none", data: Images | None = None, **changes: Any) -> Path:
    weights = folder / f"{augmentation}.safetensors"
    settings = SmallClassifierSettings(**{**SETTINGS, **changes})
    fit_classifier(
        data or images(), augmentation, settings,
        FitJob(start(device="cpu", precision="32", devices=1, seed=3, threads=1), folder / "state",
               folder / "history.jsonl", 1, 3),
        weights=weights, training=folder / "training.json",
    )  # fmt: skip
    return weights


def test_the_same_training_writes_the_same_classifier(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, again = fit(tmp_path), fit(tmp_path / "again")
    assert first.read_bytes() == again.read_bytes()
    model = Classifier(first, torch.device("cpu"))
    assert model.classes == ["basophil", "monocyte"]
    probabilities = model.probabilities(images().pixels)
    assert probabilities.shape == (24, 2)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert set(model.predict(images().pixels)) <= {"basophil", "monocyte"}
    assert model.predict(images().pixels[:0]).shape == (0,)
    summary = json.loads((tmp_path / "training.json").read_text())
    assert (summary["steps"], summary["images"], summary["device"]) == (30, 24, "cpu")
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30]
    assert lines[-1]["cross_entropy"] < lines[0]["cross_entropy"]


def test_colours_change_the_training(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    plain, coloured = fit(tmp_path), fit(tmp_path / "b", "colour")
    assert plain.read_bytes()[-500:] != coloured.read_bytes()[-500:]


def test_fewer_images_than_a_batch_make_smaller_batches(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    few = Images(images().pixels[:4], images().labels[:4])
    fit(tmp_path, data=few)
    assert "Only 4 training images: batches of 4 instead of" in caplog.text


def test_a_file_that_is_no_classifier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "foreign").write_bytes(b"not a safetensors file")
    with pytest.raises(InputError, match="foreign"):
        Classifier(tmp_path / "foreign", torch.device("cpu"))


# --- random colours


def random_images(n: int = 4) -> torch.Tensor:
    return torch.rand((n, 3, 8, 8), generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_strength_0_changes_nothing_and_colours_stay_in_range() -> None:
    generator = torch.Generator().manual_seed(2)
    assert torch.allclose(augment_colour(random_images(), 0.0, generator), random_images(), atol=1e-5)
    changed = augment_colour(random_images(64), 1.0, generator)
    assert changed.abs().max() <= 1
    assert (changed - random_images(64)).abs().mean(dim=(1, 2, 3)).min() > 0.01


def test_the_generator_determines_the_colours_which_differ_between_images() -> None:
    grey = torch.full((5, 3, 4, 4), 0.2)
    augmented = augment_colour(grey, 0.5, torch.Generator().manual_seed(2))
    assert torch.equal(augmented, augment_colour(grey, 0.5, torch.Generator().manual_seed(2)))
    assert len({tuple(image[:, 0, 0].tolist()) for image in augmented}) == 5
    assert torch.equal(augmented[..., :1, :1].expand_as(augmented), augmented)  # a uniform image stays uniform


def test_each_colour_change_equals_torchvisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One factor at a time, compared with torchvision's function for it on colours that are not clipped."""
    images = random_images(1) * 0.3

    def augmented(factor: int, value: float) -> torch.Tensor:
        jitter = torch.full((1, 7), 0.5)
        jitter[0, factor] = (value + 1) / 2
        monkeypatch.setattr(torch, "rand", lambda *_, **__: jitter)
        return (augment_colour(images, 0.5, torch.Generator()) + 1) / 2

    unit = (images + 1) / 2
    saturated = reference.adjust_saturation(unit, 1.25)
    # torchvision rounds the weights of luma to four digits, and `augment_colour` to three.
    assert torch.allclose(augmented(0, 0.5), saturated, atol=2e-3)
    assert torch.allclose(augmented(3, 0.5), reference.adjust_brightness(unit, 1.25), atol=1e-5)
    contrasted = augmented(2, 0.5)
    assert torch.allclose(contrasted - 0.5, 1.25 * (unit - 0.5), atol=1e-5)
    rotated = augmented(1, 1.0)
    luma = torch.tensor([0.299, 0.587, 0.114])
    rotated_luma, unit_luma = (torch.einsum("c,nchw->nhw", luma, x) for x in (rotated, unit))
    assert torch.allclose(rotated_luma, unit_luma, atol=1e-3)
    assert (rotated - unit).abs().mean() > 0.02
    balanced = augmented(4, 1.0)
    assert torch.allclose(balanced[:, 0], unit[:, 0] * 1.25, atol=1e-5)
    assert torch.allclose(balanced[:, 1:], unit[:, 1:], atol=1e-5)
