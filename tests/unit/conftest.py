"""Fixtures shared by several test files."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from helpers.classifier_runs import ClassifierRuns
    from helpers.model_folders import ModelFolder

# Fixtures import their helpers themselves, because most tests need none of them.


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let PyTorch compute on one thread: more threads slow down small tensors."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def classifier_run_set(tmp_path_factory: pytest.TempPathFactory) -> "ClassifierRuns":
    """A few trained classifiers and their comparisons."""
    from helpers import classifier_runs

    return classifier_runs.classifier_run_set(tmp_path_factory.mktemp("classifier_run_set"))


@pytest.fixture(scope="session")
def audits(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The audits of two balanced sets, one per protocol."""
    from helpers import balanced_sets

    return balanced_sets.audits(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> "ModelFolder":
    """The folder of a small neural network for `hemabalance predict`."""
    from helpers import model_folders

    return model_folders.build_model_folder(tmp_path_factory.mktemp("models") / "network", model_folders.NETWORK)
