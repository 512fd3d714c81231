"""What a phantom archive holds: ordinary cells, and a few planted copies, lookalikes and broken files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from hemabalance.taxonomy import FOLDERS

SourceName = Literal["mendeley", "tcia"]

ROOT = {"mendeley": "PBC_dataset_normal_DIB", "tcia": "AML-Cytomorphology_LMU/AML-Cytomorphology"}
METADATA_MEMBER = "PBC_dataset_normal_DIB/neutrophil/.DS_169665.jpg"
FOLDER_STRIDE = 1_000_000  # cell indices of one folder: its own range, whatever the counts of the others
NUMBER_GAP = 37  # mendeley numbers its files with gaps
RESCALE = 1.03
NUMBERS_STREAM = 5

# folder -> (file-name prefix, how many PBC has, what is drawn)
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

# (kind, folder it lies in, folder of the original, which cell of that folder); a kind without an original has ("", -1)
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
CROSS_ORIGINAL = "monocyte"  # the first image of this mendeley folder is the original of tcia's `cross_source`


@dataclass(frozen=True)
class PlannedImage:
    """One member of an archive that is an image or pretends to be one."""

    member: str
    folder: str
    drawn: str  # class, with a form after a slash where one is prescribed; "" where nothing is drawn
    kind: str
    copy_of: str
    cell_index: int  # -1 where nothing is drawn
    bluish: bool
    width: int  # pixels; 0 where there is no image
    height: int


def frame_shape(source: SourceName, size: int) -> tuple[int, int]:
    """Height and width of a source's photographs when mendeley's are `size` pixels wide."""
    if source == "mendeley":
        return round(size * 363 / 360), size
    return round(size * 400 / 360), round(size * 400 / 360)


def plan(source: SourceName, *, seed: int, counts: Mapping[str, int], size: int) -> pd.DataFrame:
    """The members of a phantom archive that are images or pretend to be.

    Args:
        source: `mendeley` or `tcia`.
        seed: non-negative; of the cells and of mendeley's file numbers.
        counts: ordinary images of every folder of `FOLDERS[source]`, at least 1; planted ones come on top.
        size: width of a mendeley photograph in pixels; tcia's are 400/360 of it.

    Returns:
        One row a member, in the archive's order: member, folder, label (the class drawn, "" for none), kind (`cell`,
        `duplicate`, `conflict`, `reencoded`, `shifted`, `rescaled`, `zoomed`, `cross_source`, `truncated`, `empty`,
        `transparent` or `not_an_image`), copy_of (the original's member, "" for none; for `cross_source` a member of
        the mendeley archive of the same seed and size), cell_index (-1 for none), width and height in pixels.

    Raises:
        ValueError: a folder is missing from `counts`, unknown, or below 1.
    """
    rows = [
        (i.member, i.folder, i.drawn.partition("/")[0], i.kind, i.copy_of, i.cell_index, i.width, i.height)
        for i in items(source, seed=seed, counts=counts, size=size)
    ]
    columns = ["member", "folder", "label", "kind", "copy_of", "cell_index", "width", "height"]
    return pd.DataFrame(rows, columns=columns)


def items(source: SourceName, *, seed: int, counts: Mapping[str, int], size: int) -> list[PlannedImage]:
    """The rows of `plan` with what is needed to draw them; a copy always comes after its original."""
    _check(source, counts)
    height, width = frame_shape(source, size)
    cells = {
        folder: [_cell(source, folder, number, drawn, seed, (height, width)) for number, drawn in enumerate(sequence)]
        for folder, sequence in ((f, _sequence(source, f, counts[f])) for f in FOLDERS[source])
    }
    every: list[PlannedImage] = []
    for folder in FOLDERS[source]:
        every += cells[folder]
        mine = [p for p in PLANTED[source] if p[1] == folder]
        for place, (kind, _, origin, slot) in enumerate(mine, start=counts[folder]):
            original = cells[origin][slot % counts[origin]] if origin else None
            every.append(_planted(source, kind, folder, place, original, seed, size))
    return every


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
    """(prefix, what is drawn) of a folder's first `count` images, prefixes always as near to their shares as can be."""
    if source == "tcia":
        yield from [(folder, FORM_OF_CODE.get(folder, FOLDERS[source][folder]))] * count
        return
    choices = PREFIXES[folder]
    shares = np.array([share for _, share, _ in choices], float)
    used = np.zeros(len(choices))
    for position in range(1, count + 1):
        pick = int(np.argmax(shares / shares.sum() * position - used))
        used[pick] += 1
        yield choices[pick][0], choices[pick][2]


def _index(source: SourceName, folder: str, place: int) -> int:
    folders = [(s, f) for s in FOLDERS for f in FOLDERS[s]]
    return folders.index((source, folder)) * FOLDER_STRIDE + place


def _member(source: SourceName, folder: str, prefix: str, place: int, seed: int) -> str:
    if source == "tcia":
        return f"{ROOT[source]}/{folder}/{folder}_{place + 1:04d}.tiff"
    jitter = np.random.default_rng([seed, _index(source, folder, place), NUMBERS_STREAM]).integers(NUMBER_GAP)
    return f"{ROOT[source]}/{folder}/{prefix}_{100_000 + NUMBER_GAP * place + int(jitter)}.jpg"


def _cell(
    source: SourceName, folder: str, place: int, choice: tuple[str, str], seed: int, shape: tuple[int, int]
) -> PlannedImage:
    prefix, drawn = choice
    return PlannedImage(
        member=_member(source, folder, prefix, place, seed),
        folder=folder,
        drawn=drawn,
        kind="cell",
        copy_of="",
        cell_index=_index(source, folder, place),
        bluish=source == "mendeley" and prefix in BLUISH_PREFIXES,
        height=shape[0],
        width=shape[1],
    )


def _planted(
    source: SourceName, kind: str, folder: str, place: int, original: PlannedImage | None, seed: int, size: int
) -> PlannedImage:
    shape = frame_shape(source, size)
    if kind in ("empty", "not_an_image"):
        member = (
            METADATA_MEMBER if kind == "not_an_image" else _member(source, folder, _first(source, folder), place, seed)
        )
        return PlannedImage(member, folder, "", kind, "", -1, False, 0, 0)
    if kind == "cross_source":
        drawn = PREFIXES[CROSS_ORIGINAL][0]
        original = _cell("mendeley", CROSS_ORIGINAL, 0, (drawn[0], drawn[2]), seed, frame_shape("mendeley", size))
    if original is None:
        choice = next(_sequence(source, folder, 1))
        item = _cell(source, folder, place, choice, seed, shape)
        return PlannedImage(
            item.member, folder, item.drawn, kind, "", item.cell_index, item.bluish, item.width, item.height
        )
    prefix = (
        _first(source, folder) if original.folder != folder else original.member.rpartition("/")[2].partition("_")[0]
    )
    width, height = original.width, original.height
    if kind == "rescaled":
        width, height = round(width * RESCALE), round(height * RESCALE)
    member = _member(source, folder, prefix, place, seed)
    return PlannedImage(
        member, folder, original.drawn, kind, original.member, original.cell_index, original.bluish, width, height
    )


def _first(source: SourceName, folder: str) -> str:
    return next(_sequence(source, folder, 1))[0]


def scaled_counts(real: Mapping[str, int], *, fraction: float, min_images: int) -> dict[str, int]:
    """Images per folder for a small archive as imbalanced as the real one.

    Args:
        real: images per folder of the public archive.
        fraction: share of them to render, in (0, 1].
        min_images: at least so many per folder.
    """
    return {folder: max(min_images, round(count * fraction)) for folder, count in real.items()}
