"""Parameters of synthetic cells and of their surroundings, in micrometres; no pixels.

Each cell is sampled from its own generator, seeded with (seed, index), so a cell does not depend on the number of
cells sampled with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from hemabalance.sources.phantom.scene import sample_surroundings
from hemabalance.sources.phantom.species import CELL_TYPES, FORMS, recipe

F32 = NDArray[np.float32]

PARAMETERS_STREAM = 1  # random streams of one cell: 1 parameters, 2 texture, 3 and 4 nuisance of domains a and b


@dataclass(frozen=True, eq=False)
class Cells:
    """Parameters of n cells, one row each. Lengths in µm from the frame's centre (x right, y down), angles in rad.

    Absent items of padded lists (lobes, notch, nucleoli, vacuoles, platelets, red) have radius -inf in the last column.
    Concentrations are multiples of the typical concentration (see `optics`).
    """

    seed: int
    index: NDArray[np.int64]  # (n,) cell index
    label: NDArray[np.str_]  # (n,) class
    form: NDArray[np.str_]  # (n,) form within the class (`band`), or ""
    bluish: F32  # (n,) 0: the domain's usual stain, 1: its bluish variant (a nuisance)
    centre: F32  # (n, 2) x, y of the cell
    radius: F32  # (n,), negative: no cytoplasm
    outline: F32  # (n, 5, 2) cosine and sine harmonics 2..6 of the outline, relative to the radius
    tail: F32  # (n, 3) direction, length relative to the radius, sharpness of a protrusion
    border: F32  # (n,) softness of the cell's edge
    lobes: F32  # (n, 9, 5) x0, y0, x1, y1, radius of the capsules whose smooth union is the nucleus, from `centre`
    notch: F32  # (n, 3) x, y, radius of a disc cut out of the nucleus, from `centre`
    fusion: F32  # (n,) smoothness of the union of the lobes
    ruffle: F32  # (n,) amplitude of the irregularity of the nucleus outline
    nucleus: F32  # (n, 2) azure and azurophil concentrations
    nucleus_edge: F32  # (n,) softness of the nucleus's edge
    chromatin: F32  # (n, 3) contrast of coarse clumps, of fine grain, and of the dense rim
    grain: F32  # (n,) scale of all texture, 1 = typical
    lace: F32  # (n,) 0..1, degree to which the nucleus is torn into a net
    nucleoli: F32  # (n, 3, 3) x, y, radius from `centre`
    nucleolus: F32  # (n,) 0..1, paleness of the nucleoli
    cytoplasm: F32  # (n, 3) eosin, blue, haemoglobin concentrations
    shading: F32  # (n, 3) deepening of blue at the border, pale zone at the nucleus, cloudiness
    granules: F32  # (n, 4) spacing, radius relative to the spacing, share present, visibility over the nucleus
    dyes: F32  # (n, 3) azure, azurophil and acidophil concentrations of a granule
    vacuoles: F32  # (n, 8, 3) x, y, radius from `centre`
    platelets: F32  # (n, 9, 5) x, y, elongation, angle, radius
    red: F32  # (n, 32, 8) x, y, angle, elongation, triangularity, pallor, thickness, radius

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.index)

    def take(self, rows: slice) -> "Cells":
        """Return the cells of a range of rows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "seed"})


def sample_cells(labels: Sequence[str], *, seed: int, first_index: int) -> Cells:
    """Sample one cell for each label, with indices `first_index`, `first_index + 1`, ...

    Args:
        labels: cell types (`species.CELL_TYPES`), optionally with a form after a slash (`neutrophil/band`, see
            `species.FORMS`); without one the cell's generator chooses the form.
        seed: non-negative; cells of different seeds are unrelated.
        first_index: non-negative index of the first cell.

    Returns:
        The cells; row i depends only on (labels[i], seed, first_index + i).

    Raises:
        ValueError: `labels` is empty, or a cell type or form is unknown.
    """
    if not labels:
        raise ValueError("sample_cells needs at least one label")
    rows = [_sample_cell(label, seed, first_index + i) for i, label in enumerate(labels)]
    columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    names = [label.partition("/")[0] for label in labels]
    return Cells(
        seed=seed,
        index=np.arange(first_index, first_index + len(labels), dtype=np.int64),
        label=np.array(names),
        bluish=np.zeros(len(labels), np.float32),
        **columns,
    )


def _sample_cell(label: str, seed: int, index: int) -> dict[str, NDArray[np.generic]]:
    name, _, form = label.partition("/")
    if name not in CELL_TYPES:
        raise ValueError(f"unknown cell type {name!r}, expected one of {', '.join(CELL_TYPES)}")
    forms = FORMS.get(name, ("",))
    if form and form not in forms:
        raise ValueError(f"unknown form {form!r} of {name}, expected one of {', '.join(forms)}")
    rng = np.random.default_rng([seed, index, PARAMETERS_STREAM])
    choice = forms[int(rng.integers(len(forms)))]
    form = form or choice
    row = recipe(name, form, rng)
    row |= sample_surroundings(name, row["centre"], float(row["radius"]), rng)
    return {"form": np.array(form), **{key: np.asarray(value, np.float32) for key, value in row.items()}}
