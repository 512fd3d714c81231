"""Labels and groups in the names of files, such as `SNE_123456.jpg` or `patient 12 - 3.png`."""

import re
from collections import Counter
from collections.abc import Sequence

from hemabalance.survey.found_labels import FoundLabels
from hemabalance.survey.vocabulary import class_of, group_pattern

PATTERNS = {
    "the first word of the file names": r"(?:^|/)(?P<label>[A-Za-z]+(?:[ _-][A-Za-z]+)*)[ _-]*[(]?[0-9][^/]*$",
    "the last word of the file names": r"[ _-](?P<label>[A-Za-z]+)[.][^./]+$",
    "a word within the file names": r"(?:^|/)[^/_-]*[0-9][^/_-]*[_-](?P<label>[A-Za-z]+)[_-][^/]*$",
}
GROUP_PATTERN = rf"(?:^|[/ _-])(?P<group>{group_pattern()})(?=[ _.-][^/]*$)"
_LEAST_MATCHED = 0.9  # share of images
_LEAST_KNOWN = 0.5  # share of images whose label the vocabulary knows
_MOST_LABELS = 60


def labels_of_names(images: Sequence[str]) -> FoundLabels | None:
    """Labels by a word in the file names; None if no pattern fits, or the vocabulary knows too few of its words."""
    best: tuple[float, FoundLabels] | None = None
    for how, pattern in PATTERNS.items():
        labels = _matches(pattern, "label", images)
        counts = Counter(labels.values())
        known = sum(n for label, n in counts.items() if class_of(label).known and class_of(label).name)
        share = known / max(1, len(labels))
        if len(labels) < _LEAST_MATCHED * len(images) or len(counts) > _MOST_LABELS or share < _LEAST_KNOWN:
            continue
        if best is None or share > best[0]:
            unmatched = len(images) - len(labels)
            notes = (f"the names of {unmatched} images do not fit the pattern",) if unmatched else ()
            best = share, FoundLabels(how=how, settings={"pattern": pattern}, labels=labels, notes=notes)
    return best[1] if best else None


def groups_of_names(images: Sequence[str]) -> dict[str, str]:
    """Image -> patient or slide that its file name names; empty unless nearly all do, and there are several."""
    groups = _matches(GROUP_PATTERN, "group", images)
    several = 1 < len(set(groups.values())) <= len(groups) / 1.5
    return groups if several and len(groups) >= _LEAST_MATCHED * len(images) else {}


def _matches(pattern: str, group: str, images: Sequence[str]) -> dict[str, str]:
    search = re.compile(pattern).search
    found = ((image, search(image)) for image in images)
    return {image: match[group] for image, match in found if match}
