"""The synthetic images that show what a classifier's result gains if such images count as test images."""

from collections.abc import Mapping

import pandas as pd

from hemabalance.balance.balanced_set import accepted_images

IN_TEST_PART, LEFT_OVER, TRAINED_ON = "in the test part", "left over", "trained on"
"""Where synthetic images come from, in the column `source` of their predictions: the test part of the balanced set
(under `thesis`), images that passed the gate and are not in the set, or training images of the classifier."""


def synthetic_images(
    rows: pd.DataFrame, indexes: Mapping[str, pd.DataFrame], gates: Mapping[str, pd.DataFrame | None]
) -> pd.DataFrame:
    """The synthetic images to score: those of the test part if there are any; else, for each class, those left over.

    A class without images left over has those that the classifier was trained on. In a class that the set fills up,
    images are of the generator that fills it up.

    Args:
        rows: the balanced set.
        indexes: generator -> index of its image set.
        gates: generator -> its `gate.parquet`; None without a gate.

    Returns:
        `image_id, image_set, sha256, label, source`, no row without synthetic images.
    """
    columns = ["image_id", "image_set", "sha256", "label"]
    used = rows[rows["origin"] == "synthetic"]
    in_test = used[used["part"] == "test"]
    if len(in_test):
        return in_test[columns].assign(source=IN_TEST_PART).reset_index(drop=True)
    accepted = [accepted_images(indexes[name], gates[name]).assign(image_set=name) for name in indexes]
    left = pd.concat([table[columns] for table in accepted], ignore_index=True) if accepted else used[columns]
    filled_by = dict(zip(used["label"], used["image_set"], strict=True))
    fillers = [filled_by.get(label, name) for label, name in zip(left["label"], left["image_set"], strict=True)]
    of_filler = left["image_set"] == fillers
    left = left[of_filler & ~left["image_id"].isin(used["image_id"])].drop_duplicates("image_id")
    trained = used[(used["part"] == "train") & ~used["label"].isin(left["label"])]
    chosen = [left.assign(source=LEFT_OVER), trained[columns].assign(source=TRAINED_ON)]
    return pd.concat(chosen, ignore_index=True)
