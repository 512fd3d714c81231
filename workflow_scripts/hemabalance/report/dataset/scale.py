"""Table and figure of the physical scale of each source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hemabalance.dataset.fields import Fields
from hemabalance.metrics.cell_size import NAMES, CellSizes, Method
from hemabalance.report.style import save_figure

_BINS = 30


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


def scale_table(sizes: Mapping[str, CellSizes], scale: Scale) -> pd.DataFrame:
    """Diameters of cells of each source, and the value of `field` that brings all sources to one scale.

    Args:
        sizes: source -> size of the cells in its photographs, as shares of the frame.
        scale: fields and method.

    Returns:
        Columns `source, images, red_cells` (or `nuclei`: their number), `diameter, low, high` (median as a share of the
        frame, 95 % interval), `field`, `field_for_one_scale`, which is 1 for the source with the largest cells, and if
        any field was estimated, `field_in_config`.
    """
    rows: list[dict[str, Any]] = []
    for source, found in sizes.items():
        size = found.of[scale.method]
        cells: dict[str, int] = {str(scale.method): len(size.diameters)}
        shares = {"diameter": size.median, "low": size.low, "high": size.high}
        rows.append({"source": source, "images": found.images, **cells, **shares, "field": scale.fields[source]})
    table = pd.DataFrame(rows)
    table["field_for_one_scale"] = table["diameter"] / table["diameter"].max()
    if scale.estimated:
        table["field_in_config"] = [str(scale.configured[source]) for source in table["source"]]
    return table.round(4)


def scale_figure(sizes: Mapping[str, CellSizes], scale: Scale, path: Path) -> None:
    """Draw a histogram of the diameters of each source, as shares of the image's side, with the median.

    Args:
        sizes: as for `scale_table`.
        scale: fields and method.
        path: SVG to write.
    """
    figure = Figure(figsize=(5.2, 2.6), layout="constrained")
    axis = figure.subplots()
    found = {source: size.of[scale.method].diameters / scale.fields[source] for source, size in sizes.items()}
    measured = {source: diameters for source, diameters in found.items() if len(diameters)}
    every = np.concatenate([[0.1, 0.4], *measured.values()])
    low, high = every.min(), every.max()
    bins = np.linspace(low, high, _BINS + 1).tolist()
    for number, (source, diameters) in enumerate(measured.items()):
        colour, cells, median = f"C{number % 10}", len(diameters), float(np.median(diameters))
        label = f"{source}: {median:.3f} ({cells})"
        axis.hist(diameters, bins, weights=np.full(cells, 1 / cells), histtype="step", color=colour, label=label)
        axis.axvline(median, color=colour, linewidth=1, linestyle="--")
    axis.set_xlabel(f"diameter of {NAMES[scale.method]} as a share of the image's side")
    axis.set_ylabel("share of cells")
    if measured:
        axis.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
