"""Groups that a split never divides: copies of one photograph, and images of one declared group such as a patient."""

import logging

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

log = logging.getLogger(__name__)


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
