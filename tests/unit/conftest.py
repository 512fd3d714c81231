"""What tests of several files ask pytest for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from helpers.packed_models import Packed
    from helpers.trained_classifiers import Rivals

# Most tests do without: each fixture imports what it needs.


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch computes on one thread: on small tensors more of them only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def rivals(tmp_path_factory: pytest.TempPathFactory) -> "Rivals":
    """A few trained classifiers, and what came of comparing them."""
    from helpers import trained_classifiers as scored_runs

    return scored_runs.rivals(tmp_path_factory.mktemp("rivals"))


@pytest.fixture(scope="session")
def audits(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What was found of two balanced sets, one under each protocol."""
    from helpers import balanced_sets

    return balanced_sets.audits(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> "Packed":
    """A small neural network, packed for `hemabalance predict`."""
    from helpers import packed_models as predictors

    return predictors.packed(tmp_path_factory.mktemp("models") / "network", predictors.NETWORK)
