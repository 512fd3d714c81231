"""A small trained model with all files that prediction needs, trained on rendered cells; and photographs to predict."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.classifiers import TRAINING
from helpers.method_settings import small_settings
from helpers.photographs import LIMITS, SOURCE_ENTRY
from helpers.thesis import CLASSES, PAIR
from hemabalance.balance.balanced_set import SCHEMA, write_balanced
from hemabalance.classify.fit import ModelConfig, fit_model
from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model_file import DETECTOR, MODEL, WEIGHTS, Deployment, Frame, Stain, TrainingOrigin, stain_of
from hemabalance.classify.model_folder import write_model_folder
from hemabalance.classify.predict_balanced import PredictionFiles, predict_balanced
from hemabalance.classify.source_colours import colour_numbers, fit_source_colours
from hemabalance.cli import main
from hemabalance.dataset.geometry import fit_square
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.sources.decode import decode
from hemabalance.sources.phantom.archive import jpeg, tiff
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData
from hemabalance.training.device import Runtime, start
from hemabalance.training.job import FitJob, Images

LABELS = ("basophil", "neutrophil", "platelet")
SHAPE, SQUARE, SIZE = (50, 48), 40, 20
FRAME = Frame(size=SQUARE, fit="crop", fields={"mendeley": 0.8, "tcia": 1.0}, max_pixels=1_000_000, min_side=24)
EACH = {"train": 26, "validation": 20, "test": 6}
NORMALIZER = NormalizerSpec.from_plain({"method": "reinhard", "settings": {"fit_images": 40, "least_contrast": 1.0}})
NETWORK_SETTINGS = {**TRAINING, "batch": 12, "steps": 40, "validate_every": 20, "width": 8}
NETWORK = ModelConfig(
    ModelSpec(method="sequential_cnn", settings=small_settings("classify", "sequential_cnn", **NETWORK_SETTINGS)),
    SIZE,
    CLASSES,
)
BAYES = ModelConfig(
    ModelSpec.from_plain({"method": "naive_bayes", "settings": {"side": 10, "var_smoothing": 1e-3}}), SIZE, CLASSES
)


@dataclass(frozen=True)
class ModelFolder:
    """The folder of a model, and test photographs.

    Attributes:
        folder: argument of `hemabalance predict`.
        photographs: file name -> bytes of the test images.
        labels: file name -> class of the test images.
    """

    folder: Path
    photographs: Mapping[str, bytes]
    labels: Mapping[str, str]

    @property
    def model(self) -> Path:
        return self.folder / MODEL

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS

    def photographs_of(self, source: str) -> dict[str, bytes]:
        return {name: data for name, data in self.photographs.items() if name.startswith(source)}


def runtime() -> Runtime:
    return start(device="cpu", precision="32", devices=1, seed=5, threads=1)


@dataclass(frozen=True)
class Laboratories:
    """Names of what is rendered.

    Attributes:
        a, b: names of the source in stain a, which is the reference, and of that in stain b.
        labels: rendered cell type -> class.
        more: names of further sources, of which only stain normalisers have images: those of b.
    """

    a: str = PAIR["a"]
    b: str = PAIR["b"]
    labels: tuple[tuple[str, str], ...] = tuple((label, label) for label in LABELS)
    more: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, float]:
        return {self.a: 0.8, self.b: 1.0} | dict.fromkeys(self.more, 0.9)

    @property
    def frame(self) -> Frame:
        return FRAME.model_copy(update={"fields": self.fields})


THESIS = Laboratories()


@cache
def cells(stain: Domain, labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str, bytes], ...]:
    """Part, class and file content of the rendered photographs of a source."""
    keys = [(part, *names) for part, n in EACH.items() for names in labels for _ in range(n)]
    sampled = sample_cells([label for _, label, _ in keys], seed=3, first_index=1000 if stain == "b" else 0)
    images = render(sampled, stain, shape=SHAPE, nuisance=True, threads=1)
    encode = jpeg if stain == "a" else tiff
    return tuple((part, name, encode(image)) for (part, _, name), image in zip(keys, images, strict=True))


def square(data: bytes, field: float) -> np.ndarray:
    return fit_square(decode(data, max_pixels=10**6, min_side=8)[0], size=SQUARE, fit="crop", field=field)


def build_model_folder(
    folder: Path,
    model_config: ModelConfig,
    *,
    direction: str | None = None,
    rendered: bool = True,
    laboratories: Laboratories = THESIS,
) -> ModelFolder:
    """Train and test a model and write its folder; with a direction, images in stain b are normalised to a."""
    folder.mkdir(parents=True)
    records = [
        (source, f"{source}/{k:04}", *cell)
        for source, stain in zip((laboratories.a, laboratories.b), DOMAINS, strict=True)
        for k, cell in enumerate(cells(stain, laboratories.labels))
    ]
    pixels = np.stack([square(data, laboratories.fields[source]) for source, *_, data in records])
    table = pd.DataFrame([record[:-1] for record in records], columns=["source", "image_id", "part", "label"])
    stain, originals = None, pixels
    if direction is not None:
        stain, pixels = _normalise(folder, table, pixels, direction, laboratories)
    rows = _write_balanced_set(folder, table, pixels)
    job = FitJob(runtime(), folder / "state", folder / "history.jsonl", threads=1, seed=5)
    predictions, calibration = folder / "predictions.parquet", folder / "calibration.json"
    with ImageSet(folder / "real.zip", folder / "real_images.parquet") as image_set:
        sets = {"real": image_set}
        fit_model(model_config, rows, sets, job, weights=folder / WEIGHTS, training=folder / "training.json")
        predict_balanced(
            folder / WEIGHTS, rows, sets, job.runtime, PredictionFiles(predictions, calibration, folder / DETECTOR),
            classes=model_config.classes, quantile=0.99, threads=1,
        )  # fmt: skip
    measure_predictions(
        predictions,
        calibration,
        folder / "metrics.json",
        experiment="tiny",
        protocol="leak_free",
        seed=1,
        resample_seed=1,
    )
    origin = TrainingOrigin("tiny", "plain", "leak_free", 1)
    catalogue = dict.fromkeys(PAIR.values(), SOURCE_ENTRY)
    colours = {
        source: fit_source_colours(np.stack([colour_numbers(image) for image in originals[chosen]]))
        for source in (laboratories.a, laboratories.b)
        if (chosen := ((table["source"] == source) & (table["part"] == "train")).to_numpy()).any()
    }
    deployment = Deployment(origin, laboratories.frame, LIMITS, stain, catalogue, (), rendered, colours)
    write_model_folder(folder, deployment, balanced=folder / "images.parquet")
    photographs, labels = {}, {}
    for source, image_id, part, label, data in records:
        if part == "test":
            name = image_id.replace("/", "_") + (".jpg" if source == laboratories.a else ".tiff")
            photographs[name], labels[name] = data, label
    return ModelFolder(folder, photographs, labels)


def _normalise(
    folder: Path, table: pd.DataFrame, pixels: np.ndarray, direction: str, laboratories: Laboratories
) -> tuple[Stain | None, np.ndarray]:
    """Fit Reinhard, save it in the model's folder for each source, and normalise the images in stain b to a."""
    normalizer = NORMALIZER.build(size=SQUARE, runtime=runtime())
    of_a = (table["source"] == laboratories.a).to_numpy()
    learned = (table["part"] == "train").to_numpy()
    a, b = (
        Images(pixels[chosen & learned], table["label"][chosen & learned].to_numpy(str)) for chosen in (of_a, ~of_a)
    )
    normalizer.fit(StainData(a, b, None), FitJob(runtime(), folder, folder / "stain.jsonl", threads=1, seed=5))
    weights = {
        source: folder / "normalizer" / f"{source}.safetensors" for source in (laboratories.b, *laboratories.more)
    }
    for path in weights.values():
        normalizer.save(path)
    pixels = pixels.copy()
    pixels[~of_a] = normalizer.transform(pixels[~of_a], to="a").pixels
    model = folder / MODEL
    return stain_of(
        "reinhard",
        "reinhard",
        NORMALIZER.settings.plain,
        direction=direction,
        classes=[name for _, name in laboratories.labels],
        reference=laboratories.a,
        weights=weights,
        model=model,
    ), pixels


def _write_balanced_set(folder: Path, table: pd.DataFrame, pixels: np.ndarray) -> pd.DataFrame:
    index = table.assign(origin="real", provenance="{}").astype("str")
    columns = ["image_id", "label", "source", "origin", "provenance"]
    write_image_set(folder / "real.zip", folder / "real_images.parquet", index[columns], pixels, threads=1)
    with ImageSet(folder / "real.zip", folder / "real_images.parquet") as image_set:
        rows = index.merge(image_set.index[["image_id", "file", "sha256"]], on="image_id")
    rows = rows.assign(image_set="real", group_id=rows["image_id"])[list(SCHEMA.columns)].astype("str")
    write_balanced(rows, folder / "images.parquet")
    return rows


def predict(model: ModelFolder, *paths: Path, **options: Any) -> tuple[int, pd.DataFrame]:
    """Exit code and written table of `hemabalance predict`; None leaves an option out, True gives it as a flag."""
    out = model.folder.parent / "out.parquet"
    out.unlink(missing_ok=True)
    settings = {"threads": 1, "source": None} | options
    names = {key: f"--{key.replace('_', '-')}" for key in settings}
    words = [
        names[key] if value is True else f"{names[key]}={value}" for key, value in settings.items() if value is not None
    ]
    code = main(["predict", str(model.folder), *map(str, paths), "--out", str(out), *words])
    return code, pd.read_parquet(out)


def predict_error(
    model: ModelFolder, *words: str | Path, capsys: pytest.CaptureFixture[str], out: str = "out.csv"
) -> str:
    """The error message of a call that must fail and write nothing."""
    target = model.folder.parent / out
    assert main(["predict", str(model.folder), *map(str, words), "--out", str(target)]) == 1
    assert not target.is_file()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err
