"""Content of a phantom archive: ordinary cells, and a few planted copies, near-duplicates and broken files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hemabalance.presets import preset

SourceName = Literal["mendeley", "tcia"]
FOLDERS: dict[str, dict[str, str]] = {name: entry["classes"] for name, entry in preset("thesis")["sources"].items()}
"""Folders of the two archives -> class."""

ROOT = {"mendeley": "PBC_dataset_normal_DIB", "tcia": "AML-Cytomorphology_LMU/AML-Cytomorphology"}
METADATA_MEMBER = "PBC_dataset_normal_DIB/neutrophil/.DS_169665.jpg"
FOLDER_STRIDE = 1_000_000  # each folder has its own range of cell indices, independent of the counts of the others
NUMBER_GAP = 37  # mendeley numbers its files with gaps
RESCALE = 1.03
NUMBERS_STREAM = 5

# folder -> (file-name prefix, number of such files in PBC, class or class/form to render)
PREFIXES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "basophil": (("BA", 1, "basophil"),),
    "eosinophil": (("EO", 1, "eosinophil"),),
    "erythroblast": (("ERB", 1, "erythroblast"),),
    "ig": (
        ("IG", 151, "immature_granulocyte"),
        ("MMY", 1015, "immature_granulocyte/metamyelocyte"),
        ("MY", 1137, "immature_granulocyte/myelocyte"),
        ("PMY", 592, "promyelocyte/round"),
    ),
    "lymphocyte": (("LY", 1, "lymphocyte"),),
    "monocyte": (("MO", 1, "monocyte"),),
    "neutrophil": (
        ("BNE", 1633, "neutrophil/band"),
        ("SNE", 1646, "neutrophil/segmented"),
        ("NEUTROPHIL", 50, "neutrophil"),
    ),
    "platelet": (("PLATELET", 1, "platelet"),),
}
BLUISH_PREFIXES = ("IG", "NEUTROPHIL")
FORM_OF_CODE = {
    "LYA": "lymphocyte/atypical",
    "LYT": "lymphocyte/typical",
    "MMZ": "immature_granulocyte/metamyelocyte",
    "MYB": "immature_granulocyte/myelocyte",
    "NGB": "neutrophil/band",
    "NGS": "neutrophil/segmented",
    "PMB": "promyelocyte/bilobed",
    "PMO": "promyelocyte/round",
}

# (kind, folder, folder of the original, cell number in that folder); ("", -1) for a kind without an original
PLANTED: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    "mendeley": (
        ("duplicate", "neutrophil", "neutrophil", 1),
        ("duplicate", "eosinophil", "eosinophil", 1),
        ("conflict", "monocyte", "ig", 1),
        ("reencoded", "basophil", "basophil", 1),
        ("reencoded", "platelet", "platelet", 1),
        ("shifted", "erythroblast", "erythroblast", 1),
        ("shifted", "monocyte", "monocyte", 1),
        ("rescaled", "lymphocyte", "lymphocyte", 1),
        ("rescaled", "ig", "ig", 2),
        ("zoomed", "eosinophil", "eosinophil", 2),
        ("zoomed", "neutrophil", "neutrophil", 2),
        ("truncated", "lymphocyte", "", -1),
        ("empty", "platelet", "", -1),
        ("not_an_image", "neutrophil", "", -1),
    ),
    "tcia": (
        ("duplicate", "NGS", "NGS", 1),
        ("reencoded", "EOS", "EOS", 1),
        ("reencoded", "MYO", "MYO", 1),
        ("shifted", "LYT", "LYT", 1),
        ("shifted", "PMO", "PMO", 1),
        ("rescaled", "EBO", "EBO", 1),
        ("rescaled", "MON", "MON", 1),
        ("zoomed", "KSC", "KSC", 1),
        ("zoomed", "MMZ", "MMZ", 1),
        ("cross_source", "MON", "", -1),
        ("transparent", "MYB", "", -1),
    ),
}
CROSS_ORIGINAL = "monocyte"  # its first mendeley image is the original of tcia's `cross_source`


@dataclass(frozen=True)
class PlannedImage:
    """One archive member that is an image or has the name of one."""

    member: str
    folder: str
    cell_type: str  # class, or class/form if the form is prescribed; "" if no cell is rendered
    kind: str
    copy_of: str
    cell_index: int  # -1 if no cell is rendered
    bluish: bool
    width: int  # pixels; 0 if there is no image
    height: int


def frame_shape(source: SourceName, size: int) -> tuple[int, int]:
    """Return height and width of the photographs of a source in pixels, for a width of `size` in mendeley."""
    if source == "mendeley":
        return round(size * 363 / 360), size
    return round(size * 400 / 360), round(size * 400 / 360)


def plan(source: SourceName, *, seed: int, counts: Mapping[str, int], size: int) -> pd.DataFrame:
    """Return the members of a phantom archive that are images or have the name of one.

    Args:
        source: `mendeley` or `tcia`.
        seed: non-negative; seed of the cells and of mendeley's file numbers.
        counts: number of ordinary images in each folder of `FOLDERS[source]`, at least 1; planted images are added.
        size: width of a mendeley photograph in pixels; tcia photographs are 400/360 as wide.

    Returns:
        One row per member, in the archive's order: member, folder, label (the class rendered, "" for none), kind
        (`cell`, `duplicate`, `conflict`, `reencoded`, `shifted`, `rescaled`, `zoomed`, `cross_source`, `truncated`,
        `empty`, `transparent` or `not_an_image`), copy_of (the original's member, "" for none; for `cross_source` a
        member of the mendeley archive of the same seed and size), cell_index (-1 for none), width and height in pixels.

    Raises:
        ValueError: `counts` lacks a folder, names an unknown one, or has a count below 1.
    """
    rows = [
        (i.member, i.folder, i.cell_type.partition("/")[0], i.kind, i.copy_of, i.cell_index, i.width, i.height)
        for i in planned_images(source, seed=seed, counts=counts, size=size)
    ]
    columns = ["member", "folder", "label", "kind", "copy_of", "cell_index", "width", "height"]
    return pd.DataFrame(rows, columns=columns)


def planned_images(source: SourceName, *, seed: int, counts: Mapping[str, int], size: int) -> list[PlannedImage]:
    """Return the rows of `plan` with their rendering parameters; a copy always comes after its original."""
    _check(source, counts)
    height, width = frame_shape(source, size)
    cells = {
        folder: [_cell(source, folder, number, choice, seed, (height, width)) for number, choice in enumerate(sequence)]
        for folder, sequence in ((name, _sequence(source, name, counts[name])) for name in FOLDERS[source])
    }
    images: list[PlannedImage] = []
    for folder in FOLDERS[source]:
        images += cells[folder]
        planted = [row for row in PLANTED[source] if row[1] == folder]
        for number, (kind, _, origin, cell) in enumerate(planted, start=counts[folder]):
            original = cells[origin][cell % counts[origin]] if origin else None
            images.append(_planted(source, kind, folder, number, original, seed, size))
    return images


def _check(source: SourceName, counts: Mapping[str, int]) -> None:
    known = set(FOLDERS[source])
    if set(counts) != known:
        wrong = ", ".join(sorted(set(counts) ^ known))
        raise ValueError(
            f"counts of the {source} phantom must name each of its folders once; missing or unknown: {wrong}"
        )
    bad = [f"{folder}={count}" for folder, count in counts.items() if not 1 <= count < FOLDER_STRIDE // 2]
    if bad:
        raise ValueError(f"counts of the {source} phantom must be 1 to {FOLDER_STRIDE // 2 - 1}, not {', '.join(bad)}")


def _sequence(source: SourceName, folder: str, count: int) -> Iterator[tuple[str, str]]:
    """Yield (prefix, cell type) of a folder's first `count` images; prefix shares are as exact as possible."""
    if source == "tcia":
        yield from [(folder, FORM_OF_CODE.get(folder, FOLDERS[source][folder]))] * count
        return
    choices = PREFIXES[folder]
    shares = np.array([share for _, share, _ in choices], float)
    counts = np.zeros(len(choices))
    for position in range(1, count + 1):
        index = int(np.argmax(shares / shares.sum() * position - counts))
        counts[index] += 1
        yield choices[index][0], choices[index][2]


def _index(source: SourceName, folder: str, number: int) -> int:
    folders = [(s, f) for s in FOLDERS for f in FOLDERS[s]]
    return folders.index((source, folder)) * FOLDER_STRIDE + number


def _member(source: SourceName, folder: str, prefix: str, number: int, seed: int) -> str:
    if source == "tcia":
        return f"{ROOT[source]}/{folder}/{folder}_{number + 1:04d}.tiff"
    jitter = np.random.default_rng([seed, _index(source, folder, number), NUMBERS_STREAM]).integers(NUMBER_GAP)
    return f"{ROOT[source]}/{folder}/{prefix}_{100_000 + NUMBER_GAP * number + int(jitter)}.jpg"


def _cell(
    source: SourceName, folder: str, number: int, choice: tuple[str, str], seed: int, shape: tuple[int, int]
) -> PlannedImage:
    prefix, cell_type = choice
    return PlannedImage(
        member=_member(source, folder, prefix, number, seed),
        folder=folder,
        cell_type=cell_type,
        kind="cell",
        copy_of="",
        cell_index=_index(source, folder, number),
        bluish=source == "mendeley" and prefix in BLUISH_PREFIXES,
        height=shape[0],
        width=shape[1],
    )


def _planted(
    source: SourceName, kind: str, folder: str, number: int, original: PlannedImage | None, seed: int, size: int
) -> PlannedImage:
    shape = frame_shape(source, size)
    if kind in ("empty", "not_an_image"):
        member = (
            METADATA_MEMBER
            if kind == "not_an_image"
            else _member(source, folder, _first_prefix(source, folder), number, seed)
        )
        return PlannedImage(member, folder, "", kind, "", -1, False, 0, 0)
    if kind == "cross_source":
        prefix, _, cell_type = PREFIXES[CROSS_ORIGINAL][0]
        original = _cell("mendeley", CROSS_ORIGINAL, 0, (prefix, cell_type), seed, frame_shape("mendeley", size))
    if original is None:
        choice = next(_sequence(source, folder, 1))
        item = _cell(source, folder, number, choice, seed, shape)
        return PlannedImage(
            item.member, folder, item.cell_type, kind, "", item.cell_index, item.bluish, item.width, item.height
        )
    prefix = (
        _first_prefix(source, folder)
        if original.folder != folder
        else original.member.rpartition("/")[2].partition("_")[0]
    )
    width, height = original.width, original.height
    if kind == "rescaled":
        width, height = round(width * RESCALE), round(height * RESCALE)
    member = _member(source, folder, prefix, number, seed)
    return PlannedImage(
        member, folder, original.cell_type, kind, original.member, original.cell_index, original.bluish, width, height
    )


def _first_prefix(source: SourceName, folder: str) -> str:
    return next(_sequence(source, folder, 1))[0]


def scaled_counts(real: Mapping[str, int], *, fraction: float, min_images: int) -> dict[str, int]:
    """Return images per folder for a small archive with the class imbalance of the public one.

    Args:
        real: number of images per folder of the public archive.
        fraction: share of the images to render, in (0, 1].
        min_images: minimum per folder.
    """
    return {folder: max(min_images, round(count * fraction)) for folder, count in real.items()}
