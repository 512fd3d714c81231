"""Render the archive of any laboratory: a folder for each label, patients in the file names, and a table of labels."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from hemabalance.files import atomic_path
from hemabalance.progress import progress
from hemabalance.sources.phantom.archive import add_member
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.sources.phantom.species import CELL_TYPES

TABLE = "labels.csv"
BLOCK = 64  # images per rendered block
# Cells of different looks are different: each look has its own range of cell indices, above those of the two archives
# of the preset and below those of pairs (`pairs.FIRST_INDEX`).
FIRST_INDEX, LOOK_STRIDE, LOOKS = 50_000_000, 1_000_000, 400


@dataclass(frozen=True)
class Laboratory:
    """What is rendered for one laboratory.

    Attributes:
        look: number of its look (`looks.look_of`), below 400.
        cell_types: label as found -> cell type of `species.CELL_TYPES`.
        counts: label as found -> number of images, at least 1.
        patients: number of patients, over whom the images of each label are spread.
    """

    look: int
    cell_types: Mapping[str, str]
    counts: Mapping[str, int]
    patients: int


def cell_types_of(labels: Mapping[str, str | None], classes: Sequence[str]) -> dict[str, str]:
    """A cell type for each label as found that has a class; the same for all laboratories with these classes.

    A class with the name of a cell type is rendered as that; the others get the remaining cell types in turn.

    Args:
        labels: label as found -> class, or None for a label that is left out.
        classes: all classes of the run, in order.
    """
    own_names = [name for name in classes if name not in CELL_TYPES]
    free = [name for name in CELL_TYPES if name not in classes] or list(CELL_TYPES)
    cell_types = {name: name for name in classes if name in CELL_TYPES}
    cell_types |= {name: free[number % len(free)] for number, name in enumerate(own_names)}
    return {label: cell_types[name] for label, name in labels.items() if name is not None}


def write_laboratory(target: Path, laboratory: Laboratory, *, seed: int, size: int, threads: int) -> None:
    """Write a zip of PNGs `<label>/p<patient>_<number>.png`, and `labels.csv` with the columns image, label, patient.

    Args:
        target: zip file to write; absent after any error.
        laboratory: look, labels, numbers of images.
        seed: non-negative; seed of the cells.
        size: width and height of the photographs in pixels.
        threads: at least 1; does not change the bytes.

    Raises:
        ValueError: a look that is too large, or too many images.
        InputError: the disk is full or the folder is not writable.
    """
    images = _images(laboratory)
    if laboratory.look >= LOOKS or len(images) > LOOK_STRIDE:
        raise ValueError(f"the phantom has looks below {LOOKS} and at most {LOOK_STRIDE} images of each")
    table = ["image,label,patient", *(f"{member},{label},{patient}" for member, label, patient in images)]
    with atomic_path(target) as part, zipfile.ZipFile(part, "w") as archive:
        add_member(archive, TABLE, ("\n".join(table) + "\n").encode())
        contents = _contents(laboratory, [label for _, label, _ in images], seed, size, threads)
        named = zip((member for member, _, _ in images), contents, strict=True)
        for member, content in progress(named, total=len(images), what=f"rendering look {laboratory.look}"):
            add_member(archive, member, content)


def _images(laboratory: Laboratory) -> list[tuple[str, str, str]]:
    """Member, label and patient of each image."""
    images = []
    for label in laboratory.cell_types:
        for number in range(laboratory.counts[label]):
            patient = f"p{number % laboratory.patients + 1:02d}"
            images.append((f"{label}/{patient}_{number + 1:04d}.png", label, patient))
    return images


def _contents(laboratory: Laboratory, labels: Sequence[str], seed: int, size: int, threads: int) -> Iterator[bytes]:
    numbered = iter(enumerate(laboratory.cell_types[label] for label in labels))
    while block := list(islice(numbered, BLOCK)):
        first_index = FIRST_INDEX + laboratory.look * LOOK_STRIDE + block[0][0]
        cells = sample_cells([cell_type for _, cell_type in block], seed=seed, first_index=first_index)
        yield from map(_png, render(cells, laboratory.look, shape=(size, size), nuisance=True, threads=threads))


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
