"""Table and figure of the physical scale of each source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hemabalance.dataset.fields import Fields
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.metrics.cell_size import NAMES, CellSize, Method, cell_diameters, cell_sizes
from hemabalance.report.style import save_figure

_IMAGES = 600  # per source, chosen by a hash of the image id; contain a few hundred red cells
_BINS = 30
_COLUMNS = ("diameter", "low", "high")


@dataclass(frozen=True)
class Scale:
    """How the sources were brought to one scale.

    Attributes:
        configured: source -> `field` in config.
        fields: source -> share of the frame that its images cover.
        method: what is measured.
    """

    configured: Fields
    fields: Mapping[str, float]
    method: Method = "red_cells"

    @property
    def estimated(self) -> bool:
        """Whether the share of any source was estimated."""
        return dict(self.configured) != dict(self.fields)


def sizes_in(sets: Mapping[str, ImageSet], method: Method, *, seed: int) -> dict[str, tuple[int, CellSize]]:
    """Source -> number of images measured, and size of their cells as a share of the image's side.

    Args:
        sets: source -> image set of squares.
        method: what is measured.
        seed: seed of the choice of images.
    """
    sizes = {}
    for source, images in sets.items():
        positions = pd.Series(draws(images.index["image_id"], seed=seed)).nsmallest(_IMAGES).index
        found = cell_sizes(cell_diameters(images.read(position), fit="crop") for position in positions)
        sizes[source] = (found.images, found.of[method])
    return sizes


def scale_table(sizes: Mapping[str, tuple[int, CellSize]], scale: Scale) -> pd.DataFrame:
    """Diameters of cells of each source, and the value of `field` that brings all sources to one scale.

    Args:
        sizes: result of `sizes_in`.
        scale: fields and method.

    Returns:
        Columns `source, images, red_cells` (or `nuclei`: their number), `diameter, low, high` (median as a share of the
        frame, 95 % interval), `field`, `field_for_one_scale`, which is 1 for the source with the largest cells, and if
        any field was estimated, `field_in_config`.
    """
    rows: list[dict[str, Any]] = []
    for source, (images, size) in sizes.items():
        field = scale.fields[source]
        shares = {name: value * field for name, value in zip(_COLUMNS, (size.median, size.low, size.high), strict=True)}
        cells: dict[str, int] = {str(scale.method): len(size.diameters)}
        rows.append({"source": source, "images": images, **cells, **shares, "field": field})
    table = pd.DataFrame(rows)
    table["field_for_one_scale"] = table["diameter"] / table["diameter"].max()
    if scale.estimated:
        table["field_in_config"] = [str(scale.configured[source]) for source in table["source"]]
    return table.round(4)


def scale_figure(sizes: Mapping[str, tuple[int, CellSize]], method: Method, path: Path) -> None:
    """Draw a histogram of the diameters of each source, as shares of the image's side, with the median.

    Args:
        sizes: result of `sizes_in`.
        method: what was measured.
        path: SVG to write.
    """
    figure = Figure(figsize=(5.2, 2.6), layout="constrained")
    axis = figure.subplots()
    measured = {source: size for source, (_, size) in sizes.items() if len(size.diameters)}
    low, high = np.percentile(np.concatenate([[0.1, 0.4], *(s.diameters for s in measured.values())]), [0, 100])
    bins = np.linspace(low, high, _BINS + 1).tolist()
    for number, (source, size) in enumerate(measured.items()):
        colour, cells = f"C{number % 10}", len(size.diameters)
        label = f"{source}: {size.median:.3f} ({cells})"
        axis.hist(size.diameters, bins, weights=np.full(cells, 1 / cells), histtype="step", color=colour, label=label)
        axis.axvline(size.median, color=colour, linewidth=1, linestyle="--")
    axis.set_xlabel(f"diameter of {NAMES[method]} as a share of the image's side")
    axis.set_ylabel("share of cells")
    if measured:
        axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
