"""Read an archive once: one row a member, and a receipt that says what the archive is."""

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
from hemabalance.sources.identity import content_digest, image_id_of
from hemabalance.taxonomy import FOLDERS

log = logging.getLogger(__name__)

BATCH = 8
"""Files handed to a thread at once."""

MAX_NAMED = 20
"""How many members a warning names before it only counts."""


def take_inventory(
    path: Path, source: str, entry: SourceEntry, *, limits: Limits, pixels: PixelLimits, threads: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read every member of a source's archive.

    A JPEG is decoded no further than its thumbnail needs; what is damaged is found all the same. Files of one format
    whose pixels are equal have equal thumbnails, so where `pixels.hash` is `where_needed`, only images whose thumbnail
    another one in the archive has are read a second time, decoded in full and hashed.

    Args:
        path: zip, tar or unpacked folder.
        source: name of the source.
        entry: what is known of its complete public archive.
        limits: what the archive may contain.
        pixels: what an image may contain, and which images' pixels are hashed.
        threads: how many decode and hash at once.

    Returns:
        The inventory, a row a member sorted by `image_id`: `image_id, source, member, bytes, sha256, content`
        (`image`, `not_an_image`, `unreadable`), `reason, pixel_sha256` (of the RGB uint8 bytes, row by row;
        missing where not needed), `phash` (16 hex digits), `width, height, mode, label_raw, subtype, annotated_label,
        reannotation_1, reannotation_2, thumb` (uint8 64x64 as bytes); and the receipt, a JSON object.

    Raises:
        InputError: the archive is refused (see `archives.open_archive`), two members share an `image_id`, or a
            class folder holds no image.
    """
    module = source_module(source)
    with open_archive(path, limits) as archive:
        annotations = _annotations(path, archive, module)
        names = [m.name for m in archive.members if _file_of(m.name) not in module.SIDECARS]
        _refuse_same_id(path, source, names)
        rows = _read(archive, names, pixels, hashed=pixels.hash == "all", threads=threads, what=f"reading {source}")
        if pixels.hash == "where_needed" and (alike := _alike(rows)):
            hashed = _read(archive, alike, pixels, hashed=True, threads=threads, what=f"hashing pixels of {source}")
            known = {row["member"]: row for row in hashed}
            rows = [known.get(row["member"], row) for row in rows]
        _refuse_empty_class(path, source, archive, rows)
    table = _table(rows, source, module, annotations)
    warnings = list(_content_warnings(table))
    if annotations:
        warnings += _annotation_warnings(table, annotations)
    elif module.SIDECARS:
        warnings.append(f"no annotations: {module.SIDECARS[0]} is missing or empty")
    for warning in warnings:
        log.warning("%s: %s", path, warning)
    return table, _receipt(path, table, entry, warnings)


def _file_of(member: str) -> str:
    return member.rpartition("/")[2]


def _folder_of(member: str) -> str:
    return member.rpartition("/")[0].rpartition("/")[2]


def _annotations(path: Path, archive: Archive, module: Source) -> dict[str, Annotation]:
    names = [member.name for member in archive.members if _file_of(member.name) in module.SIDECARS]
    if repeated := [name for name, count in Counter(map(_file_of, names)).items() if count > 1]:
        raise InputError(path, f"holds {repeated[0]} twice", "Take one of the two out")
    sidecars = {_file_of(name): data for name, data in archive.read(names)}
    try:
        return module.annotations_of(sidecars)
    except InputError as error:
        raise InputError(f"{path}, {error.where}", error.problem, error.remedy) from error


def _read(
    archive: Archive, names: Sequence[str], pixels: PixelLimits, *, hashed: bool, threads: int, what: str
) -> list[dict[str, Any]]:
    batches = threaded_map(
        lambda batch: [_examine(member, data, pixels, hashed) for member, data in batch],
        batched(archive.read(names), BATCH),
        threads=threads,
    )
    return list(progress(chain.from_iterable(batches), total=len(names), what=what, unit="file"))


def _alike(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The members whose thumbnail another member has too."""
    images = [row for row in rows if row["content"] == "image"]
    count = Counter(row["thumb"] for row in images)
    return [row["member"] for row in images if count[row["thumb"]] > 1]


def _examine(member: str, data: bytes, pixels: PixelLimits, hashed: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "member": member,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "content": "image",
        "reason": "",
    }
    allowed = {"max_pixels": pixels.max_pixels, "min_side": pixels.min_side}
    try:
        grey, (height, width), mode = decode_grey(data, **allowed, enough=THUMB)
        digest = hashlib.sha256(decode(data, **allowed)[0].data).hexdigest() if hashed else None
    except UnreadableImage as error:
        content = "not_an_image" if isinstance(error, NotAnImage) else "unreadable"
        return row | {"content": content, "reason": str(error)}
    return row | {
        "pixel_sha256": digest,
        "width": width,
        "height": height,
        "mode": mode,
        "thumb": thumbnail(grey).tobytes(),
    }


def _table(
    rows: Iterable[dict[str, Any]], source: str, module: Source, annotations: Mapping[str, Annotation]
) -> pd.DataFrame:
    columns = ("member", "bytes", "sha256", "content", "reason", "pixel_sha256", "width", "height", "mode", "thumb")
    table = pd.DataFrame(rows, columns=list(columns))
    table.insert(0, "image_id", [image_id_of(source, member) for member in table["member"]])
    table.insert(1, "source", source)
    table["label_raw"] = [_folder_of(member) for member in table["member"]]
    table["subtype"] = [module.subtype_of(_file_of(member)) for member in table["member"]]
    found = [annotations.get(image_id.partition("/")[2]) for image_id in table["image_id"]]
    table["annotated_label"] = [note.label if note else None for note in found]
    table["reannotation_1"] = [note.reannotation_1 if note else None for note in found]
    table["reannotation_2"] = [note.reannotation_2 if note else None for note in found]
    table["phash"] = _phash_column(table["thumb"])
    text = ["reason", "pixel_sha256", "mode", "subtype", "annotated_label", "reannotation_1", "reannotation_2", "phash"]
    table[text] = table[text].astype("str")
    table[["width", "height"]] = table[["width", "height"]].astype("Int32")
    return table.sort_values("image_id", ignore_index=True)


def _phash_column(thumbs: pd.Series) -> list[str | None]:
    present = thumbs.notna().to_numpy()
    hashes = iter(perceptual_hash(thumbs_of(thumbs[present])) if present.any() else ())
    return [f"{next(hashes):016x}" if there else None for there in present]


def _refuse_same_id(path: Path, source: str, names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        image_id = image_id_of(source, name)
        if image_id in seen:
            raise InputError(
                f"{path}, members {seen[image_id]} and {name}",
                f"both would be the image {image_id}",
                "Rename one of the two files, or take one of the two folders out",
            )
        seen[image_id] = name


def _refuse_empty_class(path: Path, source: str, archive: Archive, rows: Iterable[dict[str, Any]]) -> None:
    filled = {_folder_of(row["member"]) for row in rows if row["content"] == "image"}
    for folder in archive.folders:
        name = _file_of(folder)
        if name in FOLDERS[source] and name not in filled:
            raise InputError(
                f"{path}, folder {folder}",
                "this class folder holds no readable image",
                "Fetch the archive again, or take the folder out to run without this class",
            )


def _named(items: Iterable[str]) -> str:
    items = list(items)
    rest = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return ", ".join(items[:MAX_NAMED]) + rest


def _content_warnings(table: pd.DataFrame) -> Iterable[str]:
    broken = table[table["content"] != "image"]
    for row in broken.head(MAX_NAMED).itertuples():
        yield f"{row.member} left out: {row.reason}"
    if len(broken) > MAX_NAMED:
        yield f"{len(broken) - MAX_NAMED} more files left out; the table of the inventory names them"
    unknown = table[~table["label_raw"].isin(FOLDERS[str(table["source"].iloc[0])])] if len(table) else table
    for folder, count in Counter(unknown["label_raw"]).items():
        yield f"folder {folder!r} ({count} files) is no class of this source; its files are left out"


def _annotation_warnings(table: pd.DataFrame, annotations: Mapping[str, Annotation]) -> Iterable[str]:
    present = set(table["image_id"].str.partition("/")[2])
    if lacking := sorted(set(annotations) - present):
        yield f"{len(lacking)} annotation rows have no image: {_named(lacking)}"
    images = table[table["content"] == "image"]
    if len(bare := images.loc[images["annotated_label"].isna(), "member"]):
        yield f"{len(bare)} images have no annotation row: {_named(bare)}"


def _receipt(path: Path, table: pd.DataFrame, entry: SourceEntry, warnings: list[str]) -> dict[str, Any]:
    # An empty file bears no image's signature, and `acquire.archive_digest` must come to the same digest.
    images = table[(table["content"] != "not_an_image") & (table["bytes"] > 0)]
    digest = content_digest(zip(images["image_id"], images["sha256"], strict=True))
    counts = {str(k): int(v) for k, v in sorted(Counter(images["label_raw"]).items())}
    complete = entry.content_sha256 == digest if entry.content_sha256 else counts == entry.counts
    known = "content digest" if entry.content_sha256 else "counts per class (no digest of the public archive is known)"
    verdict = f"complete by {known}" if complete else f"not the complete public archive by {known}"
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
