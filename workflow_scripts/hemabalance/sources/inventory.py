"""Read an archive once: an inventory with one row per member, and a receipt that describes the archive."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.dataset.perceptual_hash import THUMB, perceptual_hash, thumbnail, thumbs_of
from hemabalance.files import sha256_file
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import progress
from hemabalance.sources.archives import Archive, Limits, open_archive
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.sources.decode import NotAnImage, PixelLimits, UnreadableImage, decode, decode_grey
from hemabalance.sources.identity import content_digest, image_ids, is_image
from hemabalance.sources.junk import junk_of
from hemabalance.sources.labels import LabelRules, found_labels, open_label_table
from hemabalance.sources.left_out import content_warnings, refuse_empty_class

log = logging.getLogger(__name__)

BATCH = 8
"""Files per task of a thread."""

RENDERED = "rendered, not photographed"
"""Verdict on an archive of the phantom."""

NO_LABEL = "no label"
"""Key of the images without a label in the receipt's counts."""


def take_inventory(
    path: Path,
    rules: LabelRules,
    entry: SourceEntry | None,
    *,
    limits: Limits,
    pixels: PixelLimits,
    threads: int,
    is_rendered: bool = False,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read every member of a source's archive.

    A JPEG is decoded only to the size that its thumbnail needs; damage is still detected. Files of one format with
    equal pixels have equal thumbnails. If `pixels.hash` is `where_needed`, only images that share their thumbnail with
    another image of the archive are therefore read a second time, decoded in full and hashed.

    Args:
        path: zip, tar or unpacked folder.
        rules: name of the source, and how the labels of its images are found.
        entry: the source's catalogue entry: its complete public archive; None for archives that are not public.
        limits: limits of the archive.
        pixels: limits of an image, and which images get a hash of their pixels.
        threads: number of threads that decode and hash.
        is_rendered: whether the phantom rendered the archive, which has neither catalogue entry, licence nor citation.

    Returns:
        The inventory, one row per member sorted by `image_id`: `image_id, source, member, bytes, sha256, content`
        (`image`, `not_an_image`, `unreadable`), `reason, pixel_sha256` (of the RGB uint8 bytes, row by row;
        missing if not needed), `phash` (16 hex digits), `width, height, mode, thumb` (uint8 64x64 as bytes), and the
        columns of `labels.found_labels`; and the receipt, a JSON object.

    Raises:
        InputError: the archive is refused (see `archives.open_archive`), a class folder contains no image, or the
            labels cannot be read (see `labels`).
    """
    with open_archive(path, limits) as archive:
        label_table, listed = open_label_table(path, archive, rules)
        names = [member.name for member in archive.members if member.name not in set(listed)]
        rows = _read(
            archive, names, pixels, hash_pixels=pixels.hash == "all", threads=threads, what=f"reading {rules.source}"
        )
        if pixels.hash == "where_needed" and (shared := _members_with_shared_thumbnail(rows)):
            repeated = _read(
                archive, shared, pixels, hash_pixels=True, threads=threads, what=f"hashing pixels of {rules.source}"
            )
            hashed_rows = {row["member"]: row for row in repeated}
            rows = [hashed_rows.get(row["member"], row) for row in rows]
        images = {row["member"] for row in rows if row["content"] == "image"}
        found, label_warnings = found_labels(rules, label_table, [row["member"] for row in rows], images)
        rows = [row | {"label": label} for row, label in zip(rows, found["label_raw"], strict=True)]
        refuse_empty_class(path, archive.folders, rows, rules.classes)
    table = _table(rows, rules.source, rules.ids or rules.source).join(found, on="member")
    warnings = [*content_warnings(rows, rules.classes), *label_warnings]
    for warning in warnings:
        log.warning("%s: %s", path, warning)
    image_rows = table[table["member"].isin({row["member"] for row in rows if row["is_image"]})]
    return table, _receipt(path, table, image_rows, entry, warnings, is_rendered=is_rendered)


def _read(
    archive: Archive, names: Sequence[str], pixels: PixelLimits, *, hash_pixels: bool, threads: int, what: str
) -> list[dict[str, Any]]:
    batches = threaded_map(
        lambda batch: [_member_row(member, data, pixels, hash_pixels) for member, data in batch],
        batched(archive.read(names), BATCH),
        threads=threads,
    )
    return list(progress(chain.from_iterable(batches), total=len(names), what=what, unit="file"))


def _members_with_shared_thumbnail(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Return the members that share their thumbnail with another member."""
    images = [row for row in rows if row["content"] == "image"]
    count = Counter(row["thumb"] for row in images)
    return [row["member"] for row in images if count[row["thumb"]] > 1]


def _member_row(member: str, data: bytes, pixels: PixelLimits, hash_pixels: bool) -> dict[str, Any]:
    """One row of the inventory; and `is_image` and, if it is left out, `junk` and `remedy`, which are no columns."""
    row: dict[str, Any] = {
        "member": member,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "content": "image",
        "reason": "",
        "is_image": is_image(member, data),
    }
    junk = None if row["is_image"] else junk_of(member)
    if junk:
        return row | {"content": "not_an_image", "reason": junk, "junk": True, "remedy": ""}
    allowed = {"max_pixels": pixels.max_pixels, "min_side": pixels.min_side}
    try:
        grey, (height, width), mode = decode_grey(data, **allowed, min_reduced=THUMB)
        digest = hashlib.sha256(decode(data, **allowed)[0].data).hexdigest() if hash_pixels else None
    except UnreadableImage as error:
        content = "not_an_image" if isinstance(error, NotAnImage) else "unreadable"
        return row | {"content": content, "reason": error.reason, "junk": False, "remedy": error.remedy}
    return row | {
        "pixel_sha256": digest,
        "width": width,
        "height": height,
        "mode": mode,
        "thumb": thumbnail(grey).tobytes(),
    }


def _table(rows: Sequence[dict[str, Any]], source: str, first_part: str) -> pd.DataFrame:
    columns = ("member", "bytes", "sha256", "content", "reason", "pixel_sha256", "width", "height", "mode", "thumb")
    table = pd.DataFrame(rows, columns=list(columns))
    images = [row["member"] for row in rows if row["is_image"]]
    ids = image_ids(first_part, images, [row["member"] for row in rows if not row["is_image"]])
    table.insert(0, "image_id", [ids[member] for member in table["member"]])
    table.insert(1, "source", source)
    table["phash"] = _phash_column(table["thumb"])
    text_columns = ["reason", "pixel_sha256", "mode", "phash"]
    table[text_columns] = table[text_columns].astype("str")
    table[["width", "height"]] = table[["width", "height"]].astype("Int32")
    return table.sort_values("image_id", ignore_index=True)


def _phash_column(thumbs: pd.Series) -> list[str | None]:
    present = thumbs.notna().to_numpy()
    hashes = iter(perceptual_hash(thumbs_of(thumbs[present])) if present.any() else ())
    return [f"{next(hashes):016x}" if has_thumb else None for has_thumb in present]


def _receipt(
    path: Path,
    table: pd.DataFrame,
    images: pd.DataFrame,
    entry: SourceEntry | None,
    warnings: list[str],
    *,
    is_rendered: bool,
) -> dict[str, Any]:
    digest = content_digest(zip(images["image_id"], images["sha256"], strict=True))
    counts = {str(label) or NO_LABEL: int(count) for label, count in sorted(Counter(images["label_raw"]).items())}
    complete, verdict = (None, RENDERED) if is_rendered else _completeness(digest, counts, entry)
    if entry is not None and not complete:
        log.warning("%s: %s; it is used as it is and recorded as such", path, verdict)
    return {
        "archive": path.name,
        "bytes": path.stat().st_size if path.is_file() else int(table["bytes"].sum()),
        "sha256": sha256_file(path) if path.is_file() else None,
        "content_sha256": digest,
        "rendered": is_rendered,
        "complete": complete,
        "verdict": verdict,
        "members": len(table),
        "counts": counts,
        "expected_counts": entry.counts if entry else {},
        "licence": entry.licence if entry else "",
        "citation": entry.citation if entry else "",
        "warnings": warnings,
    }


def _completeness(digest: str, counts: dict[str, int], entry: SourceEntry | None) -> tuple[bool | None, str]:
    """Whether the archive is the complete public one (None if it is not public), and a sentence that says so."""
    if entry is None:
        return None, "not in the catalogue of public archives: whether it is complete is not known"
    complete = entry.content_sha256 == digest if entry.content_sha256 else counts == entry.counts
    basis = "content digest" if entry.content_sha256 else "counts per class (no digest of the public archive is known)"
    return complete, f"complete by {basis}" if complete else f"not the complete public archive by {basis}"
