"""Get a public archive: download it, or tell the user how to place it by hand."""

import hashlib
import logging
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.sources.archives import Limits, open_archive
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.sources.download import Transfer, download
from hemabalance.sources.identity import content_digest, image_ids, is_image

log = logging.getLogger(__name__)


def fetch(source: str, entry: SourceEntry, target: Path, *, transfer: Transfer, limits: Limits) -> None:
    """Download a source's archive. The file appears at `target` only after its content digest was verified.

    Args:
        source: name of the source.
        entry: the source's catalogue entry: addresses and content digest.
        target: path of the archive.
        transfer, limits: see `download.Transfer` and `archives.Limits`.

    Raises:
        InputError: the entry has no address or no content digest, or no address served the expected content.
    """
    if not entry.addresses or not entry.content_sha256:
        raise InputError(
            target, f"{entry.title} cannot be downloaded by the workflow", placement_instructions(entry, target)
        )

    def verify(path: Path) -> None:
        digest = archive_digest(source, path, limits)
        if digest != entry.content_sha256:
            raise InputError(
                target,
                f"the download has the content digest {digest}, expected {entry.content_sha256}",
                placement_instructions(entry, target),
            )

    address = download(entry.addresses, target, transfer, verify)
    log.info("%s from %s, content digest %s", target, address, entry.content_sha256)


def require_archive(entry: SourceEntry | None, target: Path) -> None:
    """Check that the archive exists.

    Args:
        entry: the source's catalogue entry; None for archives that are not public.
        target: path of the archive.

    Raises:
        InputError: the archive is missing; the remedy says what to download, from which page, and where to put it.
    """
    if target.exists():
        return
    if entry is None:
        problem = "does not exist; a zip, a tar or an unpacked folder of images was expected here"
        raise InputError(target.absolute(), problem, "Put the images there, or correct the path in the config")
    problem = f"the archive of {entry.title} is missing"
    raise InputError(target.absolute(), problem, placement_instructions(entry, target))


def placement_instructions(entry: SourceEntry, target: Path) -> str:
    """Return the instructions for placing the archive by hand."""
    return f"Download {entry.archive} from {entry.page} and put it at {target.absolute()} ({entry.how_to_get})"


def archive_digest(source: str, path: Path, limits: Limits) -> str:
    """Return the content digest of an archive (see `identity.content_digest`) without decoding its images."""
    with open_archive(path, limits) as archive:
        digests = {
            name: hashlib.sha256(data).hexdigest()
            for name, data in archive.read([member.name for member in archive.members])
            if is_image(name, data)
        }
    return content_digest((image_id, digests[name]) for name, image_id in image_ids(source, digests).items())
