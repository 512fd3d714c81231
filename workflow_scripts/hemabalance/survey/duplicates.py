"""Copies within and across laboratories: equal bytes among all images, equal photographs among those sampled."""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hemabalance.config.data import DuplicatesConfig
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.dedup import candidate_pairs
from hemabalance.dataset.perceptual_hash import perceptual_hash
from hemabalance.survey.listing import ListedLaboratory
from hemabalance.survey.sampling import SampledImages

MOST_BYTES = 1 << 30
"""Bytes of a laboratory that are read to compare files; more than that takes minutes."""

Image = tuple[str, str]
"""Laboratory and member."""


@dataclass(frozen=True)
class FoundCopies:
    """Groups of images that are copies of each other, sorted.

    Attributes:
        identical: groups of equal bytes.
        alike: pairs of sampled images of two laboratories that show the same photograph in other bytes.
        compared: number of sampled images among which `alike` was looked for.
        not_compared: laboratories whose files are too large to be read all.
    """

    identical: tuple[tuple[Image, ...], ...]
    alike: tuple[tuple[Image, Image], ...]
    compared: int
    not_compared: tuple[str, ...]


def find_copies_at_a_glance(
    laboratories: Sequence[ListedLaboratory],
    samples: Mapping[str, SampledImages],
    duplicates: DuplicatesConfig,
    *,
    threads: int,
) -> FoundCopies:
    """Find files of equal bytes, and the same photographs among sampled images of different laboratories.

    Only files of equal size are compared, by the checksum that a zip records or by their content.
    """
    by_size: dict[int, list[tuple[ListedLaboratory, str]]] = defaultdict(list)
    for laboratory in laboratories:
        sizes = {member.name: member.size for member in laboratory.archive.members}
        for image in laboratory.images:
            by_size[sizes[image]].append((laboratory, image))
    shared = [item for size, items in by_size.items() if len(items) > 1 and size for item in items]
    checksums, not_compared = _checksums(shared)
    same_checksum = _groups((checksums[item], item) for item in sorted(checksums))
    digests = _digests(laboratories, [image for group in same_checksum for image in group])
    identical = _groups((digests[image], image) for image in sorted(digests))
    alike, compared = _alike(samples, duplicates, threads)
    found = {frozenset(pair) for group in identical for pair in _pairs(group)}
    return FoundCopies(
        identical, tuple(pair for pair in alike if frozenset(pair) not in found), compared, not_compared
    )  # fmt: skip


def _pairs(group: Sequence[Image]) -> Iterable[tuple[Image, Image]]:
    return ((a, b) for i, a in enumerate(group) for b in group[i + 1 :])


def _checksums(
    images: Iterable[tuple[ListedLaboratory, str]],
) -> tuple[dict[Image, tuple[int, int]], tuple[str, ...]]:
    """Size and CRC-32 of images, read where the archive does not record them; and laboratories too large to read."""
    checksums: dict[Image, tuple[int, int]] = {}
    not_compared = []
    by_laboratory: dict[str, tuple[ListedLaboratory, list[str]]] = {}
    for laboratory, image in images:
        by_laboratory.setdefault(laboratory.name, (laboratory, []))[1].append(image)
    for name, (laboratory, members) in by_laboratory.items():
        sizes = {member.name: member.size for member in laboratory.archive.members}
        recorded = laboratory.archive.crc32
        unknown = [image for image in members if image not in recorded]
        if sum(sizes[image] for image in unknown) > MOST_BYTES:
            not_compared.append(name)
            continue
        read = {image: zlib.crc32(data) for image, data in laboratory.archive.read(unknown)}
        for image in members:
            checksums[name, image] = sizes[image], recorded[image] if image in recorded else read[image]
    return checksums, tuple(not_compared)


def _groups(keyed: Iterable[tuple[object, Image]]) -> tuple[tuple[Image, ...], ...]:
    """The images that share their key with another one, in groups."""
    groups: dict[object, list[Image]] = defaultdict(list)
    for key, image in keyed:
        groups[key].append(image)
    return tuple(sorted(tuple(group) for group in groups.values() if len(group) > 1))


def _digests(laboratories: Sequence[ListedLaboratory], images: Sequence[Image]) -> dict[Image, str]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for name, image in images:
        wanted[name].append(image)
    return {
        (laboratory.name, image): hashlib.sha256(data).hexdigest()
        for laboratory in laboratories
        for image, data in laboratory.archive.read(wanted[laboratory.name])
    }


def _alike(
    samples: Mapping[str, SampledImages], duplicates: DuplicatesConfig, threads: int
) -> tuple[list[tuple[Image, Image]], int]:
    images = [(name, member) for name, sample in samples.items() for member in sample.members]
    if len(samples) < 2:
        return [], 0
    thumbs = np.concatenate([sample.thumbs for sample in samples.values()])
    left, right, pose = candidate_pairs(perceptual_hash(thumbs), thumbs, duplicates.hash_radius, threads=threads)
    across = np.array([images[a][0] != images[b][0] for a, b in zip(left, right, strict=True)], bool)
    left, right, pose = left[across], right[across], pose[across]
    same = same_photograph_scores(thumbs, left, right, pose, threads=threads) >= duplicates.min_correlation
    pairs = {(images[a], images[b]) for a, b in zip(left[same], right[same], strict=True)}
    return sorted(pairs), len(images)
