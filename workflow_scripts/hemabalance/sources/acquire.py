"""Getting a public archive: by download where that is possible, else by saying what a person has to do."""

import hashlib
import logging
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.sources.archives import Limits, open_archive
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.sources.decode import has_signature
from hemabalance.sources.download import Transfer, download
from hemabalance.sources.identity import content_digest, image_id_of

log = logging.getLogger(__name__)


def fetch(source: str, entry: SourceEntry, target: Path, *, transfer: Transfer, limits: Limits) -> None:
    """Download a source's archive; it takes its name only once its content is proven.

    Args:
        source: name of the source.
        entry: its addresses and the digest of its content.
        target: where the archive goes.
        transfer, limits: see `download.Transfer` and `archives.Limits`.

    Raises:
        InputError: no address served the right content, or nothing vouches for what would arrive.
    """
    if not entry.addresses or not entry.content_sha256:
        raise InputError(target, f"{entry.title} cannot be downloaded by the workflow", how_to_place(entry, target))

    def verify(path: Path) -> None:
        found = archive_digest(source, path, limits)
        if found != entry.content_sha256:
            raise InputError(
                target,
                f"what arrived has the content digest {found}, not {entry.content_sha256}",
                how_to_place(entry, target),
            )

    served = download(entry.addresses, target, transfer, verify)
    log.info("%s from %s, content digest %s", target, served, entry.content_sha256)


def explain_missing(entry: SourceEntry, target: Path) -> None:
    """Return if the archive is there.

    Raises:
        InputError: it is missing; says what to download, from which page, and where to put it.
    """
    if not target.exists():
        raise InputError(target, f"the archive of {entry.title} is missing", how_to_place(entry, target))


def how_to_place(entry: SourceEntry, target: Path) -> str:
    """What a person does to get the archive by hand."""
    return f"Download {entry.archive} from {entry.page} and put it at {target} ({entry.how_to_get})"


def archive_digest(source: str, path: Path, limits: Limits) -> str:
    """The content digest of an archive, without decoding its images (see `identity.content_digest`)."""
    with open_archive(path, limits) as archive:
        images = (
            (image_id_of(source, name), hashlib.sha256(data).hexdigest())
            for name, data in archive.read([member.name for member in archive.members])
            if has_signature(data)
        )
        return content_digest(images)
