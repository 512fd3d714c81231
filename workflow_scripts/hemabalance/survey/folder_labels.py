"""Labels in the names of folders: at the depth that separates cells, which need not be the last one."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hemabalance.survey.found_labels import MOST_LABELS, FoundLabels
from hemabalance.survey.vocabulary import class_of, group_pattern, is_part

_MOST_LEVELS = 8
_LEAST_COVERED = 0.8  # share of images that have a folder at the level
_LEAST_KNOWN = 0.3  # share of images whose folder the vocabulary knows
_MOST_UNKNOWN = 60  # labels, where the vocabulary knows too few of them
_GROUP_NAME = re.compile(group_pattern() + r"|[A-Za-z]{0,3}[ _-]?[0-9]+[a-z]?")


@dataclass(frozen=True)
class _Level:
    """Folders that have equally many folders below them on the way to their images; depth 1 encloses the images."""

    depth: int
    names: Counter[str]
    covered: float
    known: float
    like_groups: float
    like_parts: float


def labels_of_folders(images: Sequence[str]) -> FoundLabels | None:
    """Labels by folders, and groups by folders above or below them; None if no level of folders separates cells."""
    paths = [image.split("/")[:-1] for image in images]
    levels = [_level(paths, depth) for depth in range(1, _MOST_LEVELS + 1)]
    candidates = [level for level in levels if _separates(level)]
    if not candidates:
        return None
    best = max(candidates, key=lambda level: (level.known >= _LEAST_KNOWN, level.known, -level.depth))
    below = [level for level in levels if level.depth < best.depth and _groups(level, surely=False)]
    above = [level for level in levels if level.depth > best.depth and _groups(level, surely=True)]
    group = next(iter([*reversed(below), *above]), None)
    group_depth = group.depth if group else None
    labels = {image: path[-best.depth] for image, path in zip(images, paths, strict=True) if len(path) >= best.depth}
    groups = {
        image: path[-group_depth]
        for image, path in zip(images, paths, strict=True)
        if group_depth and len(path) >= group_depth
    }
    where = (
        "the folders that enclose the images" if best.depth == 1 else f"folders {best.depth} levels above the images"
    )
    notes = [f"{len(images) - len(labels)} images lie outside of such folders"] if len(labels) < len(images) else []
    return FoundLabels(
        how=where, settings=_settings(group_depth), labels=labels, groups=groups, notes=tuple(notes)
    )  # fmt: skip


def _level(paths: Sequence[Sequence[str]], depth: int) -> _Level:
    names = Counter(path[-depth] for path in paths if len(path) >= depth)
    total = max(1, sum(names.values()))
    known = sum(count for name, count in names.items() if class_of(name).known and class_of(name).name)
    groups = sum(count for name, count in names.items() if _GROUP_NAME.fullmatch(name))
    parts = sum(count for name, count in names.items() if is_part(name))
    return _Level(depth, names, total / max(1, len(paths)), known / total, groups / total, parts / total)


def _separates(level: _Level) -> bool:
    """Whether the folders of a level are labels; a single folder is one if the vocabulary knows it."""
    if not level.names or level.covered < _LEAST_COVERED or len(level.names) > MOST_LABELS:
        return False
    if level.known >= _LEAST_KNOWN:
        return True
    named = 1 < len(level.names) <= _MOST_UNKNOWN and sum(level.names.values()) >= 2 * len(level.names)
    return named and level.like_groups < 0.5 and level.like_parts < 0.5


def _groups(level: _Level, *, surely: bool) -> bool:
    """Whether the folders of a level are patients or slides; `surely`: their names say so."""
    several = len(level.names) > 1 and level.covered >= _LEAST_COVERED and level.like_parts < 0.5
    return several and level.known < _LEAST_KNOWN and (level.like_groups >= 0.8 or not surely)


def _settings(group_depth: int | None) -> str | dict[str, Any]:
    """The label is the innermost folder that the map of classes knows, at whatever depth."""
    if group_depth is None:
        return "folders"
    return {"pattern": f"(?P<group>[^/]+)/{'[^/]+/' * (group_depth - 1)}[^/]+$"}
