"""Fixtures of the tests of classifiers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()  # before any test imports torchvision or timm


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of random weights of the ImageNet network, which counts as the pinned one."""
    from helpers.classifiers import random_imagenet_weights
    from hemabalance.metrics import imagenet_weights

    path, digest = random_imagenet_weights(tmp_path_factory.mktemp("features"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagenet_weights, "WEIGHTS", replace(imagenet_weights.WEIGHTS, sha256=digest))
        yield path
