"""Sentences, written from the figures, on what limits the comparison with the thesis."""

import pandas as pd

from hemabalance.report.results.best_generator import ROLES
from hemabalance.report.results.points import Point, point_of
from hemabalance.report.results.run_tables import RunTables, is_missing
from hemabalance.report.verdict import FEW_TEST_IMAGES

_LEAK_FREE, _THESIS, _BALANCED = "leak_free", "thesis", "balanced"


def context(tables: RunTables) -> list[str]:
    """Sentences on the images, the sizes of the classifiers, the protocol, the floor of FID, and the test images."""
    return [*_images(tables), *_classifiers(tables), *_protocols(tables), *_floors(tables), *_test_images(tables)]


def _images(tables: RunTables) -> list[str]:
    counts = tables.table("final_counts")
    total = counts[counts["label"] == "total"]
    if not len(total) or "reported" not in counts:
        return []
    row = total.iloc[0]
    share = int(row["measured"]) / int(row["reported"])
    return [
        f"The run has {int(row['measured']):,} real images after cleaning, the thesis {int(row['reported']):,} "
        f"({share:.0%}): methods that need many images are at a disadvantage here."
    ]


def _classifiers(tables: RunTables) -> list[str]:
    """Sizes and steps of the classifiers that the claims compare, if they differ."""
    cost = tables.table("classify_cost")
    compared = cost[(cost["protocol"] == _LEAK_FREE) & (cost["recipe"] == _BALANCED)].drop_duplicates("model")
    if len(compared[["parameters_million", "steps"]].drop_duplicates()) < 2:
        return []
    sizes = "; ".join(
        f"{row['model']} {row['parameters_million']} million parameters, {int(row['steps']):,} steps"
        for _, row in compared.iterrows()
    )
    return [
        f"Classifiers differ in size and steps here ({sizes}), so that their order in accuracy and time is not that of "
        "the thesis's networks."
    ]


def _protocols(tables: RunTables) -> list[str]:
    """Accuracy of the same model and recipe under both protocols."""
    models = tables.table("classify_models").drop_duplicates("experiment")
    sentences = []
    for _, row in models[models["protocol"] == _THESIS].iterrows():
        same = models[
            (models["protocol"] == _LEAK_FREE) & (models["model"] == row["model"]) & (models["recipe"] == row["recipe"])
        ]
        ours = _accuracy(same.iloc[0]) if len(same) else None
        theirs = _accuracy(row)
        if ours and theirs:
            shown = ours.high < theirs.low or theirs.high < ours.low
            sentences.append(
                f"Protocol: {row['model']} on the recipe {row['recipe']} has accuracy {theirs.describe()} under the "
                f"thesis's protocol and {ours.describe()} under leak_free; the intervals "
                f"{'do not overlap' if shown else 'overlap'}."
            )
    return sentences


def _accuracy(row: "pd.Series[str]") -> Point | None:
    return point_of(row, "experiment", "measured_accuracy", "n")


def _floors(tables: RunTables) -> list[str]:
    fid = tables.table("synthesis_fid")
    floors = fid[fid["images"].str.startswith("floor") & ~fid["measured_fid"].map(is_missing)]
    return [
        f"FID for {ROLES.get(row['classes'], row['classes'])} is measured on {row['n_generated']} images: real images "
        f"in place of generated ones have {row['measured_fid']} already. The thesis's values, from other numbers of "
        "images, can be compared in rank only."
        for _, row in floors.drop_duplicates("classes").iterrows()
    ]


def _test_images(tables: RunTables) -> list[str]:
    classes = tables.table("classify_classes").drop_duplicates("class")
    few = [f"{row['class']} ({row['n']})" for _, row in classes.iterrows() if int(row["n"]) < FEW_TEST_IMAGES]
    if not few:
        return []
    return [f"Classes with fewer than {FEW_TEST_IMAGES} test images, whose own scores say little: {', '.join(few)}."]
