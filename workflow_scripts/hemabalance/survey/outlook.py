"""What the number of images of each class allows: to learn it, to measure it, and its role in synthesis."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from hemabalance.config.roles import RolesConfig
from hemabalance.metrics.intervals import Interval, wilson

RECALL = 0.9
"""Recall for which the interval is shown."""
FEWEST_TRAINED = 20
"""Training images below which a class is called too small to be learnt."""
WIDEST = 0.25
"""Width of the interval above which a class is called too small to be measured."""


@dataclass(frozen=True)
class ClassOutlook:
    """A class over all laboratories.

    Attributes:
        name: the class.
        images: source -> number of images.
        groups: source -> number of patients or slides, for sources that name them.
        test: expected number of test images.
        right: how many of them are right at a recall of RECALL, as a whole number.
        interval: the rate right / test with its 95 % interval; None where there is no test image.
    """

    name: str
    images: Counter[str]
    groups: dict[str, int]
    test: int
    right: int
    interval: Interval

    @property
    def total(self) -> int:
        """Images of all sources."""
        return self.images.total()

    @property
    def too_small_to_learn(self) -> bool:
        """Whether fewer than FEWEST_TRAINED images are left for training."""
        return self.total - self.test < FEWEST_TRAINED

    @property
    def too_small_to_measure(self) -> bool:
        """Whether the interval is wider than WIDEST, or there is none."""
        low, high = self.interval.low, self.interval.high
        return low is None or high is None or high - low > WIDEST

    @property
    def one_group(self) -> bool:
        """Whether all its images are of one patient or slide, which cannot be in training and test."""
        return set(self.groups) == set(self.images) and sum(self.groups.values()) < 2


def class_outlooks(
    labelled: Mapping[str, Mapping[str, str]], groups: Mapping[str, Mapping[str, str]], *, test_share: float
) -> list[ClassOutlook]:
    """The outlook of each class, in alphabetical order.

    Args:
        labelled: source -> image -> class.
        groups: source -> image -> patient or slide; sources without any may be missing.
        test_share: share of the images that become test images.
    """
    images: dict[str, Counter[str]] = defaultdict(Counter)
    grouped: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for source, classes in labelled.items():
        for image, name in classes.items():
            images[name][source] += 1
            if group := groups.get(source, {}).get(image):
                grouped[name][source].add(group)
    return [_outlook(name, images[name], grouped[name], test_share) for name in sorted(images)]


def _outlook(name: str, images: Counter[str], grouped: Mapping[str, set[str]], test_share: float) -> ClassOutlook:
    groups = {source: len(found) for source, found in grouped.items()}
    test = round(images.total() * test_share)
    right = round(RECALL * test)
    return ClassOutlook(name, images, groups, test, right, wilson(right, test))


def proposed_roles(counts: Mapping[str, int], usual: RolesConfig) -> RolesConfig:
    """Thresholds that suit the counts: those of the run where they leave two rich classes, otherwise lower or higher.

    Args:
        counts: class -> images before cleaning, at least two classes.
        usual: thresholds of the run that is proposed.
    """
    largest = sorted(counts.values(), reverse=True)
    second = largest[min(1, len(largest) - 1)]
    rare_below = max(2, min(usual.rare_below, _rounded(0.8 * second)))  # cleaning may take a few images
    rich_from = max(rare_below, min(usual.rich_from, _rounded(0.8 * second)))
    enough_from = max(usual.enough_from, rare_below)
    if sum(rare_below <= count < enough_from for count in counts.values()) < min(2, len(counts)):
        enough_from = _rounded(1.25 * largest[0]) + 10
    return RolesConfig(rare_below=rare_below, rich_from=rich_from, enough_from=enough_from)


def _rounded(number: float) -> int:
    """A number rounded down to two digits."""
    step: int = 10 ** max(0, len(str(int(number))) - 2)
    return int(number) // step * step
