"""Identifiers of an image and of the content of an archive, independent of the archive format."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from posixpath import commonpath

from hemabalance.sources.formats import format_of
from hemabalance.sources.junk import system_folder_of


def is_image(member: str, data: bytes) -> bool:
    """Whether a member counts as an image for ids and digests: by its content, outside folders of the system."""
    return format_of(data) is not None and system_folder_of(member) is None


def image_id_of(source: str, member: str) -> str:
    """Return `<source>/<folder>/<file>`: the last two parts of the path, independent of enclosing folders."""
    return "/".join((source, *member.rsplit("/", 2)[-2:]))


def image_ids(source: str, images: Iterable[str], others: Iterable[str] = ()) -> dict[str, str]:
    """Return the id of every member of an archive.

    The id is `image_id_of`. Images that share it get as many more leading parts of their paths as tell them apart
    (`train/x/1.png` and `test/x/1.png` of `data/train/x/1.png` and `data/test/x/1.png`), at most up to the folder that
    encloses all images. Ids of images depend neither on the other members nor on any order.

    Args:
        source: name of the source.
        images: members that are images (`is_image`), without repetition.
        others: all other members; one whose id is not its own gets its whole path as id.
    """
    paths = [member.split("/") for member in images]
    enclosing = commonpath(["/".join(path[:-1]) for path in paths]) if paths else ""
    root = len(enclosing.split("/")) if enclosing else 0
    ids = {"/".join(path): f"{source}/{last_parts}" for path, last_parts in _told_apart(paths, root)}
    return ids | _ids_of_others(source, list(others), set(ids.values()))


def _told_apart(paths: list[list[str]], root: int) -> Iterable[tuple[list[str], str]]:
    """Yield each path with its last parts: two, or as many as make them unique among the paths."""
    alike: dict[str, list[list[str]]] = defaultdict(list)
    for path in paths:
        alike["/".join(path[-2:])].append(path)
    for last_two, group in alike.items():
        if len(group) == 1:
            yield group[0], last_two
            continue
        cut = max(0, min(root, *(len(path) - 2 for path in group)))  # the same for all: the rests stay different
        inside = [path[cut:] for path in group]
        depth = 3
        while len({tuple(path[-depth:]) for path in inside}) < len(group):
            depth += 1
        for path, tail in zip(group, inside, strict=True):
            yield path, "/".join(tail[-depth:])


def _ids_of_others(source: str, others: list[str], taken: set[str]) -> dict[str, str]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for member in others:
        wanted[image_id_of(source, member)].append(member)
    ids = {}
    for image_id, members in wanted.items():
        for member in members:
            own = image_id if len(members) == 1 else f"{source}/{member}"
            # An image's id holds no part ".", so that a path that starts with one is free.
            ids[member] = next(
                name for name in (own, f"{source}/{member}", f"{source}/./{member}") if name not in taken
            )
    return ids


def content_digest(images: Iterable[tuple[str, str]]) -> str:
    """Return the sha256 over the lines `<folder>/<file> <sha256>` of all images, in byte order.

    Args:
        images: (`image_id`, sha256 of the file's bytes).
    """
    lines = sorted(f"{image_id.partition('/')[2]} {digest}\n".encode() for image_id, digest in images)
    return hashlib.sha256(b"".join(lines)).hexdigest()
