"""Images of two laboratories, a split across them, and a model of the first one."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.balanced_sets import write_set
from helpers.classifiers import build, data, images, job
from hemabalance.dataset.imageset import ImageSet

COUNTS = {"basophil": 6, "monocyte": 8}


def trained_model(folder: Path) -> tuple[Any, Path]:
    """A model that was trained for a moment, and its weights."""
    fitted = build("sequential_cnn", input_size=32, steps=4, validate_every=4)
    fitted.fit(data(), job(folder))
    fitted.save(folder / "weights.safetensors")
    return fitted, folder / "weights.safetensors"


def two_laboratories(folder: Path) -> tuple[ImageSet, pd.DataFrame]:
    """Images of two sources, and a split across them: b also has a class that a is not trained on."""
    tables, pixels = [], []
    for number, (source, counts) in enumerate({"a": COUNTS, "b": {**COUNTS, "platelet": 4}}.items()):
        made = images(counts, seed=10 + number)
        ids = [f"{source}/set/{k:02}" for k in range(len(made.labels))]
        tables.append(pd.DataFrame({"image_id": ids, "source": source, "label": made.labels}))
        pixels.extend(made.pixels)
    rows = pd.concat(tables, ignore_index=True)
    even = np.arange(len(rows)) % 2 == 0
    parts = np.where(rows["source"] == "a", np.where(even, "train", "test"), np.where(even, "unlabelled", "test"))
    split = rows.assign(group_id=rows["image_id"], draw=0.5, part=parts)
    noted = rows.assign(origin="real", provenance="{}")
    return write_set(folder, "real", noted, pixels), split
