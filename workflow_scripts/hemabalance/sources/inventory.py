"""Read an archive once: an inventory with one row per member, and a receipt that describes the archive."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.dataset.perceptual_hash import THUMB, perceptual_hash, thumbnail, thumbs_of
from hemabalance.errors import InputError
from hemabalance.files import sha256_file
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import progress
from hemabalance.sources import Annotation, Source, source_module
from hemabalance.sources.archives import Archive, Limits, open_archive
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.sources.decode import NotAnImage, PixelLimits, UnreadableImage, decode, decode_grey
from hemabalance.sources.identity import content_digest, image_ids, is_image
from hemabalance.sources.junk import junk_of
from hemabalance.sources.left_out import content_warnings, join_names, refuse_empty_class
from hemabalance.taxonomy import FOLDERS

log = logging.getLogger(__name__)

BATCH = 8
"""Files per task of a thread."""


def take_inventory(
    path: Path, source: str, entry: SourceEntry, *, limits: Limits, pixels: PixelLimits, threads: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read every member of a source's archive.

    A JPEG is decoded only to the size that its thumbnail needs; damage is still detected. Files of one format with
    equal pixels have equal thumbnails. If `pixels.hash` is `where_needed`, only images that share their thumbnail with
    another image of the archive are therefore read a second time, decoded in full and hashed.

    Args:
        path: zip, tar or unpacked folder.
        source: name of the source.
        entry: the source's catalogue entry: its complete public archive.
        limits: limits of the archive.
        pixels: limits of an image, and which images get a hash of their pixels.
        threads: number of threads that decode and hash.

    Returns:
        The inventory, one row per member sorted by `image_id`: `image_id, source, member, bytes, sha256, content`
        (`image`, `not_an_image`, `unreadable`), `reason, pixel_sha256` (of the RGB uint8 bytes, row by row;
        missing if not needed), `phash` (16 hex digits), `width, height, mode, label_raw, subtype, annotated_label,
        reannotation_1, reannotation_2, thumb` (uint8 64x64 as bytes); and the receipt, a JSON object.

    Raises:
        InputError: the archive is refused (see `archives.open_archive`), or a class folder contains no image.
    """
    module = source_module(source)
    with open_archive(path, limits) as archive:
        annotations = _annotations(path, archive, module)
        names = [m.name for m in archive.members if _file_of(m.name) not in module.SIDECARS]
        rows = _read(
            archive, names, pixels, hash_pixels=pixels.hash == "all", threads=threads, what=f"reading {source}"
        )
        if pixels.hash == "where_needed" and (shared := _members_with_shared_thumbnail(rows)):
            repeated = _read(
                archive, shared, pixels, hash_pixels=True, threads=threads, what=f"hashing pixels of {source}"
            )
            hashed_rows = {row["member"]: row for row in repeated}
            rows = [hashed_rows.get(row["member"], row) for row in rows]
        refuse_empty_class(path, archive.folders, rows, FOLDERS[source])
    table = _table(rows, source, module, annotations)
    warnings = list(content_warnings(rows, FOLDERS[source]))
    if annotations:
        warnings += _annotation_warnings(table, annotations)
    elif module.SIDECARS:
        warnings.append(f"no annotations: {module.SIDECARS[0]} is missing or empty")
    for warning in warnings:
        log.warning("%s: %s", path, warning)
    images = table[table["member"].isin({row["member"] for row in rows if row["is_image"]})]
    return table, _receipt(path, table, images, entry, warnings)


def _file_of(member: str) -> str:
    return member.rpartition("/")[2]


def _folder_of(member: str) -> str:
    return member.rpartition("/")[0].rpartition("/")[2]


def _annotations(path: Path, archive: Archive, module: Source) -> dict[str, Annotation]:
    names = [member.name for member in archive.members if _file_of(member.name) in module.SIDECARS]
    if repeated := [name for name, count in Counter(map(_file_of, names)).items() if count > 1]:
        places = " and ".join(name for name in names if _file_of(name) == repeated[0])
        raise InputError(path, f"contains {repeated[0]} twice ({places})", "Remove one of the two")
    sidecars = {_file_of(name): data for name, data in archive.read(names)}
    try:
        return module.annotations_of(sidecars)
    except InputError as error:
        raise InputError(f"{path}, {error.where}", error.problem, error.remedy) from error


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


def _table(
    rows: Sequence[dict[str, Any]], source: str, module: Source, annotations: Mapping[str, Annotation]
) -> pd.DataFrame:
    columns = ("member", "bytes", "sha256", "content", "reason", "pixel_sha256", "width", "height", "mode", "thumb")
    table = pd.DataFrame(rows, columns=list(columns))
    images = [row["member"] for row in rows if row["is_image"]]
    ids = image_ids(source, images, [row["member"] for row in rows if not row["is_image"]])
    table.insert(0, "image_id", [ids[member] for member in table["member"]])
    table.insert(1, "source", source)
    table["label_raw"] = [_folder_of(member) for member in table["member"]]
    table["subtype"] = [module.subtype_of(_file_of(member)) for member in table["member"]]
    matched = [annotations.get(image_id.partition("/")[2]) for image_id in table["image_id"]]
    table["annotated_label"] = [annotation.label if annotation else None for annotation in matched]
    table["reannotation_1"] = [annotation.reannotation_1 if annotation else None for annotation in matched]
    table["reannotation_2"] = [annotation.reannotation_2 if annotation else None for annotation in matched]
    table["phash"] = _phash_column(table["thumb"])
    text_columns = [
        "reason",
        "pixel_sha256",
        "mode",
        "subtype",
        "annotated_label",
        "reannotation_1",
        "reannotation_2",
        "phash",
    ]
    table[text_columns] = table[text_columns].astype("str")
    table[["width", "height"]] = table[["width", "height"]].astype("Int32")
    return table.sort_values("image_id", ignore_index=True)


def _phash_column(thumbs: pd.Series) -> list[str | None]:
    present = thumbs.notna().to_numpy()
    hashes = iter(perceptual_hash(thumbs_of(thumbs[present])) if present.any() else ())
    return [f"{next(hashes):016x}" if has_thumb else None for has_thumb in present]


def _annotation_warnings(table: pd.DataFrame, annotations: Mapping[str, Annotation]) -> Iterable[str]:
    present = set(table["image_id"].str.partition("/")[2])
    if unmatched := sorted(set(annotations) - present):
        yield f"{len(unmatched)} annotation rows have no image: {join_names(unmatched)}"
    images = table[table["content"] == "image"]
    if len(unannotated := images.loc[images["annotated_label"].isna(), "member"]):
        yield f"{len(unannotated)} images have no annotation row: {join_names(unannotated)}"


def _receipt(
    path: Path, table: pd.DataFrame, images: pd.DataFrame, entry: SourceEntry, warnings: list[str]
) -> dict[str, Any]:
    digest = content_digest(zip(images["image_id"], images["sha256"], strict=True))
    counts = {str(folder): int(count) for folder, count in sorted(Counter(images["label_raw"]).items())}
    complete = entry.content_sha256 == digest if entry.content_sha256 else counts == entry.counts
    basis = "content digest" if entry.content_sha256 else "counts per class (no digest of the public archive is known)"
    verdict = f"complete by {basis}" if complete else f"not the complete public archive by {basis}"
    if not complete:
        log.warning("%s: %s; it is used as it is and recorded as such", path, verdict)
    return {
        "archive": path.name,
        "bytes": path.stat().st_size if path.is_file() else int(table["bytes"].sum()),
        "sha256": sha256_file(path) if path.is_file() else None,
        "content_sha256": digest,
        "complete": complete,
        "verdict": verdict,
        "members": len(table),
        "counts": counts,
        "expected_counts": entry.counts,
        "licence": entry.licence,
        "citation": entry.citation,
        "warnings": warnings,
    }
