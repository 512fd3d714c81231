"""Agreement of experts with each other on source B, and of the model with them: an upper bound for scores there.

Part of the archive was annotated again, twice (Matek et al. 2019; `sources.tcia`). 1,905 of its 18,365 images have both
re-annotations. The first agrees with the label's fine type in 1,617 of them; the two agree with each other in 1,524 and
are both undecided in 44 more. With the twelve final classes the numbers are 1,655 and 1,544.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import read_predictions
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.metrics.intervals import wilson
from hemabalance.taxonomy import FOLDERS, SOURCE_OF, Taxonomy, label_of

UNDECIDED = "UNC"
"""Code of a re-annotation for "no class can be given"."""

SOURCE = SOURCE_OF["b"]
FIRST, SECOND = "reannotation_1", "reannotation_2"

Level = Literal["fine", "final"]


def expert_agreement(manifest: pd.DataFrame, predictions: pd.DataFrame, *, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Agreement between label, first and second re-annotation, and model, on images of source B.

    Args:
        manifest: manifest (`manifest_table.SCHEMA`); its kept images of source B are used.
        predictions: predictions of the test images (`predictions.SCHEMA`).
        taxonomy: maps fine types to final classes.

    Returns:
        Rows `of, against` (`label, reannotation_1, reannotation_2, model`), `level` (`fine`: the archive's fifteen
        types; `final`: the twelve classes, the only level of the model), `images` (`kept`: all re-annotated images;
        `test`: the test images among them), `n` (images with both annotations), `agree` (both give the same class),
        `undecided` (at least one is undecided, which counts as disagreement), `both_undecided`, and `value, low, high`:
        the share that agrees with its score interval (Wilson 1927), None without images.

    Raises:
        InputError: a re-annotation is not a code of the archive.
    """
    reannotated = manifest[(manifest["source"] == SOURCE) & (manifest["status"] == "kept") & manifest[FIRST].notna()]
    codes: dict[Level, pd.DataFrame] = {"fine": _fine(reannotated), "final": _final(reannotated, taxonomy)}
    model = predictions.set_index("image_id")["predicted"].reindex(reannotated["image_id"]).to_numpy(object)
    tested = pd.notna(model)
    rows = []
    for subject, against in ((FIRST, "label"), (SECOND, "label"), (SECOND, FIRST)):
        for level in ("fine", "final"):
            left, right = codes[level][subject].to_numpy(object), codes[level][against].to_numpy(object)
            for images, selected in (("kept", np.ones(len(reannotated), bool)), ("test", tested)):
                rows.append(_row(subject, against, level, images, left[selected], right[selected]))
    for against in ("label", FIRST, SECOND):
        right = codes["final"][against].to_numpy(object)
        rows.append(_row("model", against, "final", "test", model[tested], right[tested]))
    return rows


def write_expert_agreement(manifest: Path, predictions: Path, out: Path, *, taxonomy: Taxonomy) -> None:
    """Write the agreement as JSON: `source`, and `rows` (`expert_agreement`).

    Raises:
        InputError: a file cannot be read, or as `expert_agreement`.
    """
    rows = expert_agreement(read_manifest(manifest), read_predictions(predictions), taxonomy=taxonomy)
    write_json({"source": SOURCE, "rows": rows}, out)


def _fine(reannotated: pd.DataFrame) -> pd.DataFrame:
    """Codes of the columns `label, reannotation_1, reannotation_2`; missing where there is no annotation."""
    codes = pd.DataFrame({"label": reannotated["label_raw"], FIRST: reannotated[FIRST], SECOND: reannotated[SECOND]})
    codes = codes.astype(object)
    for name in (FIRST, SECOND):
        foreign = codes[name].notna() & ~codes[name].isin([*FOLDERS[SOURCE], UNDECIDED])
        if foreign.any():
            image, code = reannotated.loc[foreign, "image_id"].iloc[0], codes.loc[foreign, name].iloc[0]
            problem = f"its re-annotation {code!r} is no class of this source"
            raise InputError(image, problem, "Restore the annotations from the download, and delete the inventory")
    return codes


def _final(reannotated: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Final classes of the same columns; `UNDECIDED` stays."""
    classes = _fine(reannotated)
    for name in (FIRST, SECOND):
        classes[name] = [
            code if pd.isna(code) or code == UNDECIDED else label_of(SOURCE, code, None, taxonomy)
            for code in classes[name]
        ]
    return classes.assign(label=reannotated["label"].astype(object))


def _row(subject: str, against: str, level: str, images: str, left: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    both = pd.notna(left) & pd.notna(right)
    left, right = left[both], right[both]
    left_undecided, right_undecided = left == UNDECIDED, right == UNDECIDED
    agree = int(((left == right) & ~left_undecided).sum())
    head = {"of": subject, "against": against, "level": level, "images": images, "n": len(left), "agree": agree}
    undecided = {
        "undecided": int((left_undecided | right_undecided).sum()),
        "both_undecided": int((left_undecided & right_undecided).sum()),
    }
    return head | undecided | wilson(agree, len(left))._asdict()
