"""A small run of the stain stage: image sets of both sources, a split, fitted normalisers, and their evaluation."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from PIL import Image
from threadpoolctl import threadpool_limits

from helpers import classical_normalizers, gan_normalizers
from helpers.classical_normalizers import SIZE, photographs
from helpers.thesis import PAIR
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.splits import draws
from hemabalance.methods import traits_of
from hemabalance.protocols import Protocol
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.stain.data import PairImages, evaluation_rows
from hemabalance.stain.direction import DIRECTIONS
from hemabalance.stain.evaluate import NormalizerEvaluation, NormalizerJudges, evaluate
from hemabalance.stain.normalizer import Domain
from hemabalance.stain.real_features import real_features

CLASSES = ("basophil", "monocyte")
TRAINING = {"steps": 6, "seconds": 3725.4, "parameters": 1234, "device": "cpu", "precision": "32"}
_LIGHT = {"a": "peach", "b": "grey"}
_START = {"a": 0, "b": 100}
_COUNT = {"a": 16, "b": 12}


class DarknessClassifier:
    """A classifier that predicts monocyte for images with a low mean value."""

    classes = CLASSES

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.where(images.mean(axis=(1, 2, 3)) < 190, "monocyte", "basophil")


def corners(images: np.ndarray) -> np.ndarray:
    """Twelve features of each image."""
    step = images.shape[1] // 2
    return images[:, ::step, ::step].reshape(len(images), -1)[:, :12].astype(np.float32)


def image_sets(folder: Path) -> PairImages:
    """Sixteen photographs of domain a and twelve of b, of the two classes alternately; the first of a is a platelet."""
    sets: dict[Domain, ImageSet] = {}
    for domain in ("a", "b"):
        labels = [CLASSES[number % 2] for number in range(_COUNT[domain])]
        if domain == "a":
            labels[0] = "platelet"
        ids = [f"{PAIR[domain]}/{label}/{number:02}" for number, label in enumerate(labels)]
        rows = pd.DataFrame({"image_id": ids, "label": labels}, dtype="str")
        rows = rows.assign(source=PAIR[domain], origin="real", provenance="{}").astype({"source": "str"})
        images = photographs(domain, _LIGHT[domain], range(_START[domain], _START[domain] + len(ids)))
        order = rows["image_id"].argsort().to_numpy()
        paths = folder / f"{domain}.zip", folder / f"{domain}.parquet"
        write_image_set(*paths, rows.iloc[order].reset_index(drop=True), images[order], threads=1)
        sets[domain] = ImageSet(*paths)
    return PairImages(PAIR, sets)


def split_of(images: PairImages, protocol: Protocol) -> pd.DataFrame:
    """A split: leak_free holds back every image but the first of each source, thesis none."""
    rows = pd.concat([s.index[["image_id", "source", "label"]] for s in images.sets.values()], ignore_index=True)
    rows = rows.assign(group_id=rows["image_id"], draw=draws(rows["image_id"], seed=1), part="pool")
    if protocol == "leak_free":
        rows["part"] = np.where(rows.groupby("source").cumcount() == 0, "train", "test")
    return rows.sort_values("image_id", ignore_index=True)


def normalizers(folder: Path) -> dict[str, Any]:
    """One normaliser of each kind: identity, without an inverse, and with an inverse."""
    gan = gan_normalizers.built("wcyclegan_gp", SIZE)
    gan.fit(gan_normalizers.data(SIZE), gan_normalizers.job(folder))
    return {
        "none": classical_normalizers.fitted("none", folder),
        "reinhard": classical_normalizers.fitted("reinhard", folder),
        "wcyclegan_gp": gan,
    }


def evaluated(
    images: PairImages,
    fitted: dict[str, Any],
    protocol: Protocol = "leak_free",
    *,
    rendered: bool = True,
    split: pd.DataFrame | None = None,
) -> list[NormalizerResult]:
    """The metrics of each normaliser, after a round trip through JSON; by default with the split of `split_of`."""
    cells: dict[Domain, np.ndarray] = {
        domain: photographs(domain, _LIGHT[domain], range(300, 306)) for domain in ("a", "b")
    }
    # The photographs also serve as their own ground truth, which suffices for tests of tables.
    split = split_of(images, protocol) if split is None else split
    rows = evaluation_rows(split, images.pair, protocol, max_images=40)
    real = real_features(images, rows, corners, threads=1)
    judges = NormalizerJudges(
        corners, real, {"none": DarknessClassifier(), "colour": DarknessClassifier()}, *[cells if rendered else {}] * 2
    )  # type: ignore[dict-item]
    evaluation = NormalizerEvaluation(
        protocol, DIRECTIONS, CLASSES, max_images=40, kid_subset=5, folds=2, seed=1, threads=1
    )
    results = []
    for name, normalizer in fitted.items():
        with threadpool_limits(1):  # threads slow down many small fits
            metrics = evaluate(traits_of("stain", name), normalizer, images, split, judges, evaluation)
        training = TRAINING | {"images": {"a": 15, "b": 11}}
        results.append(NormalizerResult(name, name, json.loads(json.dumps(metrics, allow_nan=False)), training))
    return results


def drawn(path: Path) -> tuple[list[np.ndarray], str]:
    """The images embedded in an SVG, and all its text (matplotlib writes the text as comments beside the glyphs)."""
    text = path.read_text("utf-8")
    ElementTree.fromstring(text)
    images = [base64.b64decode(data) for data in re.findall(r"data:image/png;base64,([^\"]+)", text)]
    comments = " ".join(re.findall("<!-- (.*?) -->", text, re.DOTALL))
    return [np.asarray(Image.open(io.BytesIO(image)).convert("RGB")) for image in images], comments
