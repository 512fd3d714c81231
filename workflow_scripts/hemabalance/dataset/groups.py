"""Groups that a split never divides: copies of one photograph, and images of one declared group such as a patient."""

import logging

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

log = logging.getLogger(__name__)

LEAST_FOR_VALIDATION = 4
"""A source with at least this many declared groups has validation images."""


def joined_groups(copies: pd.Series, declared: pd.Series) -> pd.Series:
    """Join groups of copies that share a declared group, and declared groups that share a photograph.

    Args:
        copies: group of copies of each image, str.
        declared: declared group of each image, str, or missing.

    Returns:
        Name of the joined group of each image, str: the group of copies where no image of it has a declared group, or
        else the first of its declared groups in alphabetical order.
    """
    photographs, copy_names = pd.factorize(copies)
    patients, names = pd.factorize(declared, sort=True)  # -1: missing
    known = patients >= 0
    n = len(copy_names)
    edges = coo_array(
        (np.ones(int(known.sum()), np.int8), (photographs[known], n + patients[known])), shape=(n + len(names),) * 2
    )
    component = connected_components(edges, directed=False)[1]
    of_declared = pd.Series(names, index=component[n:], dtype="str").groupby(level=0).agg(list)
    for joined in of_declared[of_declared.map(len) > 1]:
        log.warning("groups %s share a photograph: they count as one group", ", ".join(joined))
    first = of_declared.map(lambda joined: joined[0])
    joined_name = pd.Series(component[photographs], index=copies.index).map(first).astype("str")
    return joined_name.fillna(copies)


def even_draws(table: pd.DataFrame, test_share: float, validation_share: float) -> pd.Series:
    """Draws that divide the images of a source with declared groups by the shares, however few and large these are.

    In the order of its draws, each declared group gets the share of the source's images that lie before its middle. If
    none of four groups or more is then drawn for validation, the first of the training groups is.

    Args:
        table: rows of a split with the columns `source, group_id, draw` and `declared` (bool).
        test_share, validation_share: as in `splits.split`.

    Returns:
        Draws in [0, 1); those of groups that are not declared are unchanged.
    """
    draws = table["draw"].copy()
    # A group that joins patients of two sources counts for the first of them.
    groups = table.groupby("group_id").agg(
        source=("source", "min"), draw=("draw", "first"), declared=("declared", "any"), images=("source", "size")
    )
    for _, own in groups[groups["declared"]].sort_values("draw", kind="stable").groupby("source"):
        middles = (own["images"].cumsum() - own["images"] / 2) / own["images"].sum()
        training = middles.index[middles >= test_share + (1 - test_share) * validation_share]
        has_none = not ((middles >= test_share) & ~middles.index.isin(training)).any()
        if validation_share and len(own) >= LEAST_FOR_VALIDATION and has_none and len(training) > 1:
            middles[training[0]] = test_share + (1 - test_share) * validation_share / 2
        members = table["group_id"].isin(own.index)
        draws[members] = middles.astype("float64").loc[table.loc[members, "group_id"]].to_numpy()
    return draws
