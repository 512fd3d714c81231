"""The table that says how large each source shows its cells."""

from collections.abc import Mapping

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.metrics.red_cells import median_diameter

_IMAGES = 600  # of a source, chosen by a hash of their id; gives some hundred red cells


def scale_table(sets: Mapping[str, ImageSet], fields: Mapping[str, float], *, seed: int) -> pd.DataFrame:
    """Red-cell diameters of each source, and the `field` that would bring all sources to one scale.

    Args:
        sets: source -> its images, squares that cover `field` of the frame.
        fields: source -> the `field` in config.
        seed: of the choice of images.

    Returns:
        `source, images, red_cells, diameter, low, high` (median as a share of the frame, 95 % interval), `field`
        (in config) and `field_for_one_scale`, 1 for the source that shows cells largest.
    """
    rows = []
    for source, images in sets.items():
        chosen = pd.Series(draws(images.index["image_id"], seed=seed)).nsmallest(_IMAGES).index
        found = median_diameter(images.read(position) for position in chosen)
        field = fields[source]
        shares = {"diameter": found.median * field, "low": found.low * field, "high": found.high * field}
        rows.append({"source": source, "images": len(chosen), "red_cells": found.n, **shares, "field": field})
    table = pd.DataFrame(rows)
    table["field_for_one_scale"] = table["diameter"] / table["diameter"].max()
    return table.round(4)
