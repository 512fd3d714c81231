"""How far experts agree with each other on source B, and the model with them: the ceiling for any figure there.

Part of the archive was looked at again, twice (Matek et al. 2019; `sources.tcia`). 1,905 of its 18,365 images carry
both re-annotations: the first names the label's fine type in 1,617, the two name the same one in 1,524 and are both
undecided in 44 more; in the twelve final classes it is 1,655 and 1,544.
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
"""What an expert writes who can give no class."""

SOURCE = SOURCE_OF["b"]
FIRST, SECOND = "reannotation_1", "reannotation_2"

Level = Literal["fine", "final"]


def expert_agreement(manifest: pd.DataFrame, predictions: pd.DataFrame, *, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Agreement between label, first and second re-annotation, and model, on images of source B.

    Args:
        manifest: as `manifest_table.SCHEMA`; its kept images of source B are looked at.
        predictions: of the test images, as `predictions.SCHEMA`.
        taxonomy: that turns fine types into final classes.

    Returns:
        Rows `of, against` (`label, reannotation_1, reannotation_2, model`), `level` (`fine`: the archive's fifteen
        types; `final`: our classes; the model has only these), `images` (`kept`: all with re-annotations; `test`: those
        that are test images), `n` (images for which both have been asked), `agree` (both name the same class),
        `undecided` (either could give none; that counts as no agreement), `both_undecided`, and `value, low, high`,
        the share that agrees with its score interval (Wilson 1927), None without images.

    Raises:
        InputError: a re-annotation is a code that the archive has not.
    """
    asked = manifest[(manifest["source"] == SOURCE) & (manifest["status"] == "kept") & manifest[FIRST].notna()]
    said: dict[Level, pd.DataFrame] = {"fine": _fine(asked), "final": _final(asked, taxonomy)}
    model = predictions.set_index("image_id")["predicted"].reindex(asked["image_id"]).to_numpy(object)
    tested = pd.notna(model)
    rows = []
    for of, against in ((FIRST, "label"), (SECOND, "label"), (SECOND, FIRST)):
        for level in ("fine", "final"):
            one, other = said[level][of].to_numpy(object), said[level][against].to_numpy(object)
            for images, where in (("kept", np.ones(len(asked), bool)), ("test", tested)):
                rows.append(_row(of, against, level, images, one[where], other[where]))
    for against in ("label", FIRST, SECOND):
        other = said["final"][against].to_numpy(object)
        rows.append(_row("model", against, "final", "test", model[tested], other[tested]))
    return rows


def write_expert_agreement(manifest: Path, predictions: Path, out: Path, *, taxonomy: Taxonomy) -> None:
    """Measure agreement by files and write JSON: `source`, and `rows` as `expert_agreement` gives them.

    Raises:
        InputError: a file cannot be read, or as `expert_agreement`.
    """
    rows = expert_agreement(read_manifest(manifest), read_predictions(predictions), taxonomy=taxonomy)
    write_json({"source": SOURCE, "rows": rows}, out)


def _fine(asked: pd.DataFrame) -> pd.DataFrame:
    """Codes by `label, reannotation_1, reannotation_2`; missing where nobody was asked."""
    said = pd.DataFrame({"label": asked["label_raw"], FIRST: asked[FIRST], SECOND: asked[SECOND]}).astype(object)
    for name in (FIRST, SECOND):
        foreign = said[name].notna() & ~said[name].isin([*FOLDERS[SOURCE], UNDECIDED])
        if foreign.any():
            image, code = asked.loc[foreign, "image_id"].iloc[0], said.loc[foreign, name].iloc[0]
            problem = f"its re-annotation {code!r} is no class of this source"
            raise InputError(image, problem, "Restore the annotations from the download, and delete the inventory")
    return said


def _final(asked: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    said = _fine(asked)
    for name in (FIRST, SECOND):
        said[name] = [
            code if pd.isna(code) or code == UNDECIDED else label_of(SOURCE, code, None, taxonomy)
            for code in said[name]
        ]
    return said.assign(label=asked["label"].astype(object))


def _row(of: str, against: str, level: str, images: str, one: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    both = pd.notna(one) & pd.notna(other)
    one, other = one[both], other[both]
    lost, lost_too = one == UNDECIDED, other == UNDECIDED
    agree = int(((one == other) & ~lost).sum())
    head = {"of": of, "against": against, "level": level, "images": images, "n": len(one), "agree": agree}
    counted = {"undecided": int((lost | lost_too).sum()), "both_undecided": int((lost & lost_too).sum())}
    return head | counted | wilson(agree, len(one))._asdict()
