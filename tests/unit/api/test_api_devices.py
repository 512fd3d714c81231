"""`hemabalance.api.devices`."""

import pytest
import torch

from hemabalance.api.devices import resolve_device


@pytest.mark.parametrize(("available", "chosen"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, available: bool, chosen: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert resolve_device("auto") == chosen
    assert [resolve_device(name) for name in ("cpu", "cuda")] == ["cpu", "cuda"]
