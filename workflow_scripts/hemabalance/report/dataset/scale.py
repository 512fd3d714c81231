"""Table of the physical scale of each source."""

from collections.abc import Mapping

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.metrics.red_cells import median_diameter

_IMAGES = 600  # per source, chosen by a hash of the image id; contain a few hundred red cells


def scale_table(sets: Mapping[str, ImageSet], fields: Mapping[str, float], *, seed: int) -> pd.DataFrame:
    """Red-cell diameters of each source, and the value of `field` that brings all sources to one scale.

    Args:
        sets: source -> image set of squares that cover the share `field` of the frame.
        fields: source -> `field` in config.
        seed: seed of the choice of images.

    Returns:
        Columns `source, images, red_cells, diameter, low, high` (median as a share of the frame, 95 % interval),
        `field` (from config) and `field_for_one_scale`, which is 1 for the source with the largest cells.
    """
    rows = []
    for source, images in sets.items():
        positions = pd.Series(draws(images.index["image_id"], seed=seed)).nsmallest(_IMAGES).index
        red_cells = median_diameter(images.read(position) for position in positions)
        field = fields[source]
        shares = {"diameter": red_cells.median * field, "low": red_cells.low * field, "high": red_cells.high * field}
        rows.append({"source": source, "images": len(positions), "red_cells": red_cells.n, **shares, "field": field})
    table = pd.DataFrame(rows)
    table["field_for_one_scale"] = table["diameter"] / table["diameter"].max()
    return table.round(4)
