"""By what an image and the content of an archive are known, however the archive is packed."""

import hashlib
from collections.abc import Iterable


def image_id_of(source: str, member: str) -> str:
    """`<source>/<folder>/<file>`: the last two parts of the path, the same in whatever folder encloses them."""
    return "/".join((source, *member.rsplit("/", 2)[-2:]))


def content_digest(images: Iterable[tuple[str, str]]) -> str:
    """sha256 over the lines `<folder>/<file> <sha256>` of all images, in byte order of the path.

    Args:
        images: `image_id` and sha256 of the file's bytes.
    """
    lines = sorted(f"{image_id.partition('/')[2]} {digest}\n".encode() for image_id, digest in images)
    return hashlib.sha256(b"".join(lines)).hexdigest()
