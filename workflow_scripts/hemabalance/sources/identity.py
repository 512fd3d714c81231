"""Identifiers of an image and of the content of an archive, independent of the archive format."""

import hashlib
from collections.abc import Iterable


def image_id_of(source: str, member: str) -> str:
    """Return `<source>/<folder>/<file>`: the last two parts of the path, independent of enclosing folders."""
    return "/".join((source, *member.rsplit("/", 2)[-2:]))


def content_digest(images: Iterable[tuple[str, str]]) -> str:
    """Return the sha256 over the lines `<folder>/<file> <sha256>` of all images, in byte order.

    Args:
        images: (`image_id`, sha256 of the file's bytes).
    """
    lines = sorted(f"{image_id.partition('/')[2]} {digest}\n".encode() for image_id, digest in images)
    return hashlib.sha256(b"".join(lines)).hexdigest()
