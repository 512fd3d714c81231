"""Images that differ from the training images are flagged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from helpers.archives import write_folder
from helpers.image_files import encode
from helpers.model_folders import EACH, SHAPE, SIZE, SQUARE, THESIS, ModelFolder, cells, predict, runtime, square
from helpers.photographs import photograph
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector, appearance, fit_detector, read_detector
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError
from hemabalance.training.weights import save_tensors


def test_images_without_a_stained_cell_are_flagged_and_most_cells_are_not(network: ModelFolder) -> None:
    opened = read_model_file(network.folder)
    detector, model = (
        read_detector(opened.beside("out_of_distribution.safetensors")),
        open_classifier(network.weights, runtime()),
    )
    validation = np.stack([square(data, 0.8) for part, _, data in cells("a", THESIS.labels) if part == "validation"])
    rng = np.random.default_rng(0)
    shape = (1, SQUARE, SQUARE, 3)
    temple = Image.fromarray(load_sample_image("china.jpg"))
    pieces = [temple.resize((SQUARE, SQUARE), box=(k, 0, k + 400, 400)) for k in (0, 120, 240)]
    foreign = {
        "noise": rng.integers(0, 256, (4, SQUARE, SQUARE, 3), np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "the background of a smear": np.broadcast_to(validation.mean((0, 1, 2)).astype(np.uint8), shape),
        "black": np.zeros(shape, np.uint8),
        "a temple": np.stack([np.asarray(piece) for piece in pieces]),
        "negatives": 255 - validation[:6],
    }

    def flags(squares: np.ndarray) -> np.ndarray:
        pixels = reduced(squares, SIZE, where="test")
        return detector.out_of_distribution(pixels, model.logits(pixels))

    for name, squares in foreign.items():
        assert flags(np.ascontiguousarray(squares)).all(), name
    assert flags(validation).mean() <= 0.05
    assert (detector.training, detector.validation) == (2 * 3 * EACH["train"], 2 * 3 * EACH["validation"])


def test_the_flag_of_a_blank_photograph_is_in_the_table(network: ModelFolder, tmp_path: Path) -> None:
    blank = np.full((*SHAPE, 3), (250, 240, 200), np.uint8)
    _, table = predict(network, write_folder(tmp_path, {"blank.png": encode(blank, "PNG")}))
    assert "out_of_distribution" in table["flag"].item().split(";")
    assert table["predicted"].notna().all()


def fit_to_photographs(
    n: int, groups: int = 1, quantile: float = 0.9
) -> tuple[OutOfDistributionDetector, np.ndarray, np.ndarray]:
    pixels = np.stack([photograph(seed, 24) for seed in range(n)])
    logits = np.random.default_rng(1).normal(size=(n, 3)).astype(np.float32)
    sources = np.array([f"lab{k % groups}" for k in range(n)])
    return fit_detector(pixels, logits, sources, pixels[:0], logits[:0], quantile=quantile), pixels, logits


def test_the_threshold_is_the_quantile(tmp_path: Path) -> None:
    detector, pixels, logits = fit_to_photographs(120, groups=2, quantile=0.9)
    assert detector.out_of_distribution(pixels, logits).mean() == pytest.approx(0.1, abs=0.01)
    assert len(detector.means) == 2
    small, *_ = fit_to_photographs(60, groups=3)
    assert len(small.means) == 1
    detector.save(tmp_path / "detector.safetensors")
    loaded = read_detector(tmp_path / "detector.safetensors")
    np.testing.assert_array_equal(loaded.distances(pixels, logits), detector.distances(pixels, logits))
    assert detector.distances(pixels[:0], logits[:0]).shape == (0,)


def test_similarity_is_one_for_a_training_image_and_falls_with_the_distance(tmp_path: Path) -> None:
    detector, pixels, logits = fit_to_photographs(120)
    detector.save(tmp_path / "detector.safetensors")
    loaded = read_detector(tmp_path / "detector.safetensors")
    assert loaded.examples is not None
    assert loaded.examples.dtype == np.float16
    similarities = loaded.similarities(pixels, logits, 2)
    assert similarities.dtype == np.float32
    np.testing.assert_allclose(similarities[:, 0], 1, atol=1e-4)
    assert ((similarities[:, 1] > 0.05) & (similarities[:, 1] < 0.99)).all()
    examples = loaded.examples.astype(np.float64)
    offsets = np.sort(((examples[5] - examples) ** 2).sum(1))[:2]
    np.testing.assert_allclose(similarities[5], np.exp(-offsets / (2 * examples.shape[1])), atol=1e-3)
    # Two training images drawn at random have exp(-1) at the mean of their squared distance.
    pairs = ((examples[:, None] - examples) ** 2).sum(2)
    assert np.exp(-pairs.mean() / (2 * examples.shape[1])) == pytest.approx(np.exp(-1), abs=0.01)
    white = np.full_like(pixels[:1], 255)
    assert loaded.similarities(white, logits[:1], 1) < 0.1
    few = replace(loaded, examples=loaded.examples[:1]).similarities(pixels[:3], logits[:3], 2)
    assert np.isfinite(few[:, 0]).all()
    assert np.isnan(few[:, 1]).all()


def test_a_detector_of_an_earlier_version_has_no_similarity(tmp_path: Path) -> None:
    detector, pixels, logits = fit_to_photographs(60)
    replace(detector, examples=None).save(tmp_path / "detector.safetensors")
    loaded = read_detector(tmp_path / "detector.safetensors")
    assert np.isnan(loaded.similarities(pixels, logits, 2)).all()
    np.testing.assert_array_equal(loaded.distances(pixels, logits), detector.distances(pixels, logits))


def test_too_few_images_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"too few \(9\)"):
        fit_to_photographs(9)
    save_tensors(tmp_path / "other.safetensors", {}, {"kind": "out_of_distribution", "version": 99})
    with pytest.raises(InputError, match="of this version"):
        read_detector(tmp_path / "other.safetensors")


def test_appearance_has_the_documented_values() -> None:
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    pixels[0, :, ::2] = (100, 60, 20)
    pixels[1, 8:24, 8:24] = 80
    values = appearance(pixels)
    np.testing.assert_allclose(values[0, :3], (50, 30, 10))
    np.testing.assert_allclose(values[0, 6:9], np.log1p([50, 30, 10]), rtol=1e-6)
    np.testing.assert_allclose(values[0, 9:11], np.log1p([20, 20]), rtol=1e-6)
    np.testing.assert_allclose(values[0, 11:], [np.log1p(60), 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(values[1, :6], [20, 20, 20, 60, 60, 60])
