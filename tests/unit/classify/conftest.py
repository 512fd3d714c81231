"""Fixtures of the tests of classifiers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A model of the first of two laboratories, and its weights."""
    from helpers.two_laboratories import trained_model

    return trained_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The image set of two laboratories, and the split across them."""
    from helpers.two_laboratories import two_laboratories

    return two_laboratories(tmp_path_factory.mktemp("images"))
