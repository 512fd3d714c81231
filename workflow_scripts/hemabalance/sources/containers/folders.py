"""Reader for an unpacked folder in place of an archive."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hemabalance.sources.containers.contract import Limits
from hemabalance.sources.containers.errors import archive_errors, member_location
from hemabalance.sources.containers.listing import ListedArchive, Listing


class Folder(ListedArchive):
    """The files below a folder. Links are refused; a link that appears after the listing is not followed."""

    def __init__(self, path: Path, limits: Limits) -> None:
        listing = Listing(str(path), limits)
        self._files: dict[str, str] = {}
        pending = [""]
        while pending:
            folder = pending.pop()
            with archive_errors(member_location(listing.where, folder)), os.scandir(path / folder) as entries:
                for entry in entries:
                    name = folder + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        listing.add_folder(name)
                        pending.append(name + "/")
                    elif entry.is_file(follow_symlinks=False):
                        size = entry.stat(follow_symlinks=False).st_size
                        self._files[listing.add_file(name, size)] = entry.path
                    else:
                        kind = "a symbolic link" if entry.is_symlink() else "a device, pipe or socket"
                        listing.refuse(name, f"is {kind}", "Replace it by the file itself, or remove it")
        super().__init__(path, listing)

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See `contract.Archive.read`."""
        for name in names:
            file = self._files[name]
            with archive_errors(member_location(self.where, name)):
                descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with open(descriptor, "rb") as handle:
                    content = handle.read(self.sizes[name] + 1)
            yield name, self.check_length(name, content)
