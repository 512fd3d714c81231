"""Laboratories as folders and zips of rendered cells, for tests of `hemabalance init`."""

import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from helpers.archives import write_folder, write_zip
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render

SIDE = 112


@cache
def cells(cell_type: str, count: int, stain: Literal["a", "b"] = "a", first: int = 0) -> tuple[np.ndarray, ...]:
    """Photographs of one cell type, RGB uint8 (SIDE, SIDE, 3); cells of different `first` are different."""
    sampled = sample_cells([cell_type] * count, seed=7, first_index=first)
    return tuple(render(sampled, stain, shape=(SIDE, SIDE), nuisance=True, threads=2))


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def magnified(image: np.ndarray, share: float) -> np.ndarray:
    """The middle of a frame: red cells become larger by 1 / share."""
    margin = round(len(image) * (1 - share) / 2)
    return np.ascontiguousarray(image[margin : len(image) - margin, margin : len(image) - margin])


def files_of(
    names: Mapping[str, Sequence[str]], stain: Literal["a", "b"] = "a", *, share: float = 1.0, first: int = 0
) -> dict[str, bytes]:
    """Path -> PNG; `names` gives the paths of the images of each cell type."""
    files = {}
    for number, (cell_type, paths) in enumerate(names.items()):
        images = cells(cell_type, len(paths), stain, first + 1000 * number)
        files |= {path: png(magnified(image, share)) for path, image in zip(paths, images, strict=True)}
    return files


def numbered(pattern: str, count: int) -> list[str]:
    """Names from a pattern such as `Blasts/{:03d}.png`."""
    return [pattern.format(number) for number in range(count)]


def csv_of(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    return "".join(",".join(row) + "\n" for row in (header, *rows)).encode()


def folders_laboratory(path: Path) -> Path:
    """A folder with one folder a class, junk among them, and a class that the vocabulary does not know."""
    files = files_of(
        {
            "neutrophil": numbered("Seg. neutrophils/{:03d}.png", 24),
            "myeloblast": numbered("Blasts/{:03d}.png", 12),
            "lymphocyte": numbered("LYMPHOS/{:03d}.png", 20),
            "smudge_cell": numbered("Debris/{:03d}.png", 8),
        }
    )
    junk = {"Blasts/Thumbs.db": b"x", "Debris/._001.png": b"x", ".DS_Store": b"x", "notes.md": b"x"}
    return write_folder(path, files | junk)


def table_laboratory(path: Path) -> Path:
    """A flat zip with a table of labels, patients and a second expert, in another stain and magnification."""
    files = files_of(
        {
            "neutrophil": numbered("south/n{:03d}.png", 20),
            "myeloblast": numbered("south/b{:03d}.png", 10),
            "monocyte": numbered("south/m{:03d}.png", 10),
        },
        "b",
        share=0.75,
        first=20_000,
    )
    diagnosis = {"n": "NGS", "b": "Blast", "m": "Mono"}
    rows = []
    for number, name in enumerate(files):
        file = name.rpartition("/")[2]
        second = "unclear" if number == 3 else diagnosis[file[0]]
        rows.append([file, diagnosis[file[0]], f"P{number % 5}", second])
    table = csv_of(["File", "Diagnosis", "PatientID", "Reader 2"], rows)
    return write_zip(path, files | {"south/labels.csv": table})


def names_laboratory(path: Path) -> Path:
    """A flat folder whose file names begin with codes."""
    return write_folder(
        path,
        files_of(
            {
                "neutrophil": numbered("SNE_{:05d}.png", 12),
                "lymphocyte": numbered("LY_{:05d}.png", 12),
                "monocyte": numbered("MO_{:05d}.png", 12),
            },
            first=40_000,
        ),
    )


def unlabelled_laboratory(path: Path) -> Path:
    """A flat folder whose names say nothing."""
    return write_folder(path, files_of({"neutrophil": numbered("IMG_{:05d}.png", 16)}, "b", first=60_000))
