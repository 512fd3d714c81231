"""The test images and classes on which two classifiers of different class lists can be compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import classes_of, codes_of
from hemabalance.errors import InputError

_OUTSIDE = ""  # in place of a predicted class that is not shared
_REMEDY = "Compare experiments of the same run and protocol, or run the workflow again"


@dataclass(frozen=True)
class PairedPredictions:
    """Two classifiers' predictions of the same test images, as codes.

    A prediction outside the shared classes has the code k, which is the code of no true class: it is an error.

    Attributes:
        targets: true classes, int64 (n,) from 0 to the number of shared classes less 1.
        a, b: predictions of the two classifiers, int64 (n,).
        classes: number of codes: the shared classes, and one more if the class lists differ.
        left_out: JSON values on what is not compared (`classes`, `left_out`); empty if the class lists are the same.
    """

    targets: np.ndarray
    a: np.ndarray
    b: np.ndarray
    classes: int
    left_out: Mapping[str, Any]


def paired_predictions(a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str]) -> PairedPredictions:
    """The predictions of two classifiers for the test images of the classes that both know.

    Classifiers of the same classes must have the same test images. With different class lists, images that only one of
    the two was tested on are left out, as are images of classes that only one of them knows.

    Args:
        a, b: predictions (`predictions.SCHEMA`).
        names: names of the two, for messages.

    Raises:
        InputError: the two have the same classes but different images, have no class or no image in common, or differ
            in the label of an image; names the first such image.
    """
    of_a, of_b = classes_of(a), classes_of(b)
    if of_a == of_b:
        _require_same_images(a, b, names)
        return _coded(a, b, names, of_a, {})
    shared = tuple(label for label in of_a if label in of_b)
    if not shared:
        problem = f"have no class in common: {', '.join(of_a)}; and {', '.join(of_b)}"
        raise InputError(" and ".join(names), problem, "Compare classifiers that share at least one class")
    known_a, known_b = (table[table["label"].isin(shared)] for table in (a, b))
    common_a, common_b = (
        table[table["image_id"].isin(other["image_id"])].reset_index(drop=True)
        for table, other in ((known_a, known_b), (known_b, known_a))
    )
    if not len(common_a):
        problem = f"share the classes {', '.join(shared)}, but no test image of them"
        raise InputError(" and ".join(names), problem, "Compare classifiers tested on the same images")
    left_out = {
        f"classes_{name}": [label for label in classes if label not in shared]
        for name, classes in (("a", of_a), ("b", of_b))
    } | {f"images_{name}": len(table) - len(common_a) for name, table in (("a", a), ("b", b))}
    return _coded(common_a, common_b, names, shared, {"classes": list(shared), "left_out": left_out})


def _coded(
    a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str], shared: tuple[str, ...], left_out: Mapping[str, Any]
) -> PairedPredictions:
    relabelled = a.loc[a["label"].to_numpy() != b["label"].to_numpy(), "image_id"]
    if len(relabelled):
        problem = f"differ in the label of {relabelled.iloc[0]} ({len(relabelled)} such images)"
        raise InputError(" and ".join(names), problem, _REMEDY)
    of_a, of_b = (
        codes_of(table["predicted"].where(table["predicted"].isin(shared), _OUTSIDE), (*shared, _OUTSIDE))
        for table in (a, b)
    )
    return PairedPredictions(codes_of(a["label"], shared), of_a, of_b, len(shared) + bool(left_out), left_out)


def _require_same_images(a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str]) -> None:
    for table, partner, name in ((a, b, names[0]), (b, a, names[1])):
        unpaired = table.loc[~table["image_id"].isin(partner["image_id"]), "image_id"]
        if len(unpaired):
            first, n = unpaired.iloc[0], len(unpaired)
            problem = f"were tested on different images: {first} is only in {name} ({n} such images)"
            raise InputError(" and ".join(names), problem, _REMEDY)
