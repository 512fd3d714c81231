"""Match rows of a table, which name an image by a part of its path, to the images of an archive."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from hemabalance.errors import InputError

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """The image of a row: its path, and the number of trailing parts in which row and image agree."""

    member: str
    depth: int


def parts_of_path(path: str) -> Parts:
    """The parts of a path with '/' or '\\' as separator, without a drive, `.` and empty parts."""
    parts = path.strip().replace("\\", "/").split("/")
    return tuple(part for part in parts if part not in ("", ".") and not part.endswith(":"))


def stem_of(name: str) -> str:
    """A file name without its extension."""
    return name.rpartition(".")[0] or name


def match_rows(rows: Sequence[str], members: Sequence[str]) -> list[Match | None]:
    """Find the image of each row by the longest trailing path.

    A file name suffices where it is unique, with or without its extension; case counts only where it decides. If row
    and image lie in different folders, they match if no other row and no other image ends like them.

    Args:
        rows: file names or paths, of any depth.
        members: paths of the images, '/'-separated.

    Returns:
        The match of each row, or None. Several rows may have the same image.

    Raises:
        InputError: a row fits several images equally well; `where` is the row.
    """
    find = _finder(members)
    split = [parts_of_path(row) for row in rows]
    folded = [tuple(part.casefold() for part in parts) for parts in split]

    @cache
    def tails(depth: int) -> Counter[Parts]:
        return Counter(parts[-depth:] for parts in folded)

    matches: list[Match | None] = []
    for row, parts, own in zip(rows, split, folded, strict=True):
        found, depth = find(parts)
        complete = [member for member in found if depth == min(len(parts), member.count("/") + 1)]
        if len(complete) > 1:
            problem = f"fits {len(complete)} images, such as {complete[0]} and {complete[1]}"
            raise InputError(row, problem, "Write as much of the path as tells them apart")
        if complete or (len(found) == 1 and tails(depth)[own[-depth:]] == 1):
            matches.append(Match((complete or found)[0], depth))
        else:
            matches.append(None)
    return matches


def _finder(members: Sequence[str]) -> Callable[[Parts], tuple[list[str], int]]:
    """A function from the parts of a row to the members that agree with most trailing parts, and their number."""

    def same(part: str) -> str:
        return part

    ways = [(folded, key) for folded in (same, str.casefold) for key in (same, stem_of)]
    indexes: list[dict[str, list[str]]] = []
    for folded, key in ways:
        index: dict[str, list[str]] = defaultdict(list)
        for member in members:
            index[key(folded(member.rpartition("/")[2]))].append(member)
        indexes.append(index)

    def find(parts: Parts) -> tuple[list[str], int]:
        for (folded, _), index in zip(ways, indexes, strict=True):
            if parts and (found := index.get(folded(parts[-1]))):
                folders = [folded(part) for part in parts[:-1]]
                depths = [1 + _agreement(folders, folded(member).split("/")[:-1]) for member in found]
                deepest = max(depths)
                return [member for member, depth in zip(found, depths, strict=True) if depth == deepest], deepest
        return [], 0

    return find


def _agreement(first: Sequence[str], second: Sequence[str]) -> int:
    """The number of equal trailing items."""
    count = 0
    for left, right in zip(reversed(first), reversed(second), strict=False):
        if left != right:
            break
        count += 1
    return count
