"""The ImageNet weights agree with torchvision's MobileNetV2, and fetching gives the same bytes every time."""

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import mobilenet_v2

from hemabalance.metrics.imagenet_features import ImageNetFeatures
from hemabalance.metrics.imagenet_weights import WEIGHTS
from hemabalance.metrics.pinned_tensors import digest

pytestmark = pytest.mark.usefixtures("one_thread")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)


def test_weights_are_the_pinned_ones_and_the_same_bytes_every_time(
    imagenet_wheel: Path, imagenet_weights_file: Path, tmp_path: Path
) -> None:
    WEIGHTS.fetch(tmp_path / "again.safetensors", lambda folder: shutil.copy(imagenet_wheel, folder))
    assert (tmp_path / "again.safetensors").read_bytes() == imagenet_weights_file.read_bytes()
    assert digest(WEIGHTS.load(imagenet_weights_file)) == WEIGHTS.sha256


def test_features_are_those_of_torchvisions_network_with_the_packages_weights(
    imagenet_wheel: Path, imagenet_weights_file: Path
) -> None:
    tensors = torch.load(
        io.BytesIO(zipfile.ZipFile(imagenet_wheel).read(WEIGHTS.packaged_file.member)), weights_only=True
    )
    network = mobilenet_v2(weights=None).eval()
    network.load_state_dict(tensors)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    unit = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = network.features((unit - mean) / std).mean(dim=(2, 3)).numpy()
    features = ImageNetFeatures(WEIGHTS.load(imagenet_weights_file), 224, "cpu", 2)(IMAGES)
    assert np.abs(features - expected).max() < 1e-4
    assert np.abs(ImageNetFeatures(WEIGHTS.load(imagenet_weights_file), 224, "cpu", 1)(IMAGES) - features).max() < 1e-4
