"""Prediction of classes and calibrated confidences for photographs, prepared like the model's training images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model import Model
from hemabalance.classify.model_schema import Frame
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector
from hemabalance.classify.predictions import probability_columns
from hemabalance.dataset.geometry import fit_square
from hemabalance.dataset.tables import write_table
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target
from hemabalance.metrics.calibration import tempered
from hemabalance.parallel import batched, threaded_map
from hemabalance.sources.decode import UnreadableImage, decode

BATCH = 64
"""Photographs per batch of the model."""

MAX_AT_ONCE = 4
"""Batches that go through the model at once, at most: each needs memory for its feature maps."""

GREY, OUT_OF_DISTRIBUTION, NOT_NORMALISED = "grey", "out_of_distribution", "not_normalised"
"""Flags: image without colour; differs from the training images; has too little contrast to be normalised."""

COLUMNS = ("path", "predicted", "confidence", "flag", "error")
"""Columns of a table of predictions, followed by one column of probabilities for each class of the model."""

SIMILARITY = "similarity_"
"""Columns `similarity_1`, `similarity_2`, ...: similarity to the nearest training images, where these are asked for."""

SUFFIXES = (".csv", ".parquet")

Normalise = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""RGB uint8 (n, s, s, 3) to normalised images of the same shape, and bool (n,): which were returned unchanged."""


@dataclass(frozen=True)
class Predictor:
    """A model with its preprocessing and postprocessing.

    Attributes:
        model: trained model.
        detector: out-of-distribution detector of the model.
        temperature: divisor of the logits.
        frame: how a photograph is made square.
        field: share of the frame that is used.
        normalise: stain normaliser of the model; None for no normalisation.
        at_once: batches that go through the model at once, each in a thread of its own.
        nearest: training images whose similarity to each photograph is in the table.
    """

    model: Model
    detector: OutOfDistributionDetector
    temperature: float
    frame: Frame
    field: float
    normalise: Normalise | None
    at_once: int = 1
    nearest: int = 0

    @property
    def columns(self) -> list[str]:
        """`COLUMNS`, the columns of the probabilities `p_<class>`, and those of the similarities."""
        return [*COLUMNS, *probability_columns(self.model.classes), *self.similarity_columns]

    @property
    def similarity_columns(self) -> list[str]:
        """`similarity_1`, the highest, to `similarity_<nearest>`."""
        return [f"{SIMILARITY}{place + 1}" for place in range(self.nearest)]

    def predict(self, images: Sequence[InputImage], *, threads: int) -> Iterator[pd.DataFrame]:
        """Predict images in order, in batches, so that memory use does not grow with their number.

        Args:
            images: images to read.
            threads: decoders that run at once.

        Yields:
            Tables with the columns `columns` and one row per image: `path`; `predicted`, missing if `error` gives a
            reason; `confidence` and the probabilities, calibrated float32, missing likewise; `flag`, warnings joined by
            `;`.

        Raises:
            InputError: the model's logits are not finite.
        """
        yield from predict_mean([self], images, threads=threads)

    def square(self, photograph: InputImage) -> np.ndarray | str:
        """The photograph made square, RGB uint8 (s, s, 3), or the reason why it cannot be read."""
        try:
            data = photograph.read()
            image, _ = decode(data, max_pixels=self.frame.max_pixels, min_side=self.frame.min_side)
        except UnreadableImage as error:
            return error.reason
        longer = max(image.shape[:2])
        if self.frame.fit == "pad" and longer**2 > self.frame.max_pixels:
            shape = f"{image.shape[1]}x{image.shape[0]} pixels"
            return f"{shape}, padded to a square, are more than the {self.frame.max_pixels} allowed"
        return fit_square(image, size=self.frame.size, fit=self.frame.fit, field=self.field)

    def table(self, batch: Sequence[tuple[InputImage, np.ndarray | str]]) -> pd.DataFrame:
        """The table of one batch: images, each with its square or the reason why the photograph cannot be read."""
        results = [result for _, result in batch]
        readable = np.array([isinstance(result, np.ndarray) for result in results])
        probabilities = np.full((len(results), len(self.model.classes)), np.nan, np.float32)
        similarities = np.full((len(results), self.nearest), np.nan, np.float32)
        predicted, flags = np.full(len(results), None, object), np.full(len(results), "", object)
        if readable.any():
            squares = np.stack([result for result in results if isinstance(result, np.ndarray)])
            logits, flags[readable], similarities[readable] = self._outputs(squares)
            probabilities[readable] = tempered(logits, self.temperature)
            predicted[readable] = np.array(self.model.classes, object)[logits.argmax(1)]
        errors = [result if isinstance(result, str) else "" for result in results]
        texts = {"path": [_text(image.path) for image, _ in batch], "predicted": predicted}
        table = pd.DataFrame(texts | {"flag": flags, "error": errors}).astype("str")
        table["predicted"] = table["predicted"].where(readable)
        table["confidence"] = probabilities.max(1)
        shares = pd.DataFrame(probabilities, columns=probability_columns(self.model.classes))
        nearest = pd.DataFrame(similarities, columns=self.similarity_columns)
        return pd.concat([table, shares, nearest], axis=1)[self.columns]

    def _outputs(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits (n, classes), flags, str objects (n,), and similarities (n, nearest) of RGB uint8 (n, s, s, 3)."""
        grey = (squares == squares[..., :1]).all((1, 2, 3))
        unchanged = np.zeros(len(squares), bool)
        if self.normalise is not None:
            squares, unchanged = self.normalise(squares)
        pixels = reduced(squares, self.model.size, where="the prepared photographs")
        logits = self.model.logits(pixels)
        if not np.isfinite(logits).all():
            raise InputError("the model", "gives logits that are not finite numbers", "Train the model again")
        masks = {
            GREY: grey,
            NOT_NORMALISED: unchanged,
            OUT_OF_DISTRIBUTION: self.detector.out_of_distribution(pixels, logits),
        }
        flags = [";".join(name for name, mask in masks.items() if mask[index]) for index in range(len(squares))]
        nearest = self.nearest
        similarities = self.detector.similarities(pixels, logits, nearest) if nearest else np.empty((len(pixels), 0))
        return logits, np.array(flags, object), similarities


def predict_mean(
    predictors: Sequence[Predictor], images: Sequence[InputImage], *, threads: int
) -> Iterator[pd.DataFrame]:
    """Predict images by the mean of the calibrated probabilities of one or more models, like `average`.

    An image is read once, and has the flags that any of the models gives it.

    Args:
        predictors: models of the same classes, frame and field.
        images, threads: see `Predictor.predict`.

    Yields:
        As `Predictor.predict`.

    Raises:
        InputError: the models have different classes or images of different size, or as `Predictor.predict`.
    """
    classes = predictors[0].model.classes
    for predictor in predictors[1:]:
        if predictor.model.classes != classes:
            problem = f"have different classes: {', '.join(classes)}; and {', '.join(predictor.model.classes)}"
            raise InputError("the models of the average", problem, "Train them again with one config")
        sides = [(one.frame.size, one.frame.fit, one.field) for one in (predictors[0], predictor)]
        if sides[0] != sides[1]:
            problem = f"have images of different size, fit and share of the frame: {sides[0]} and {sides[1]}"
            raise InputError("the models of the average", problem, "Train them again with one config")
    first = predictors[0]

    def mean_table(batch: Sequence[tuple[InputImage, np.ndarray | str]]) -> pd.DataFrame:
        tables = [predictor.table(batch) for predictor in predictors]
        return tables[0] if len(tables) == 1 else _mean(tables, classes)

    # While the models have their batches, the decoders prepare as many more.
    squares = threaded_map(first.square, images, threads=threads, ahead=2 * BATCH * first.at_once)
    batches = batched(zip(images, squares, strict=True), BATCH)
    yield from threaded_map(mean_table, batches, threads=first.at_once, ahead=2 * first.at_once)


def _mean(tables: Sequence[pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """The mean of several models' tables of the same images."""
    columns, mean = probability_columns(classes), tables[0].copy()
    shares = np.mean([table[columns].to_numpy(np.float64) for table in tables], axis=0)
    readable = (mean["error"] == "").to_numpy()
    named = pd.Series(np.array(classes, object)[shares.argmax(1)], mean.index).astype("str")
    flags = [_joined(row) for row in zip(*(table["flag"] for table in tables), strict=True)]
    mean["predicted"] = named.where(readable)
    mean["confidence"] = shares.max(1).astype(np.float32)
    mean["flag"] = pd.Series(flags, mean.index).astype("str")
    mean[columns] = shares.astype(np.float32)
    return mean


def _joined(flags: Sequence[str]) -> str:
    """Each flag of several cells, once."""
    return ";".join(dict.fromkeys(flag for cell in flags for flag in cell.split(";") if flag))


def check_out(path: Path) -> None:
    """Refuse an output path before the predictions are computed.

    Raises:
        InputError: the suffix is neither that of CSV nor of Parquet, or the file cannot be written there.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            path, "has neither the suffix of CSV nor of Parquet", f"Use a name that ends in {' or '.join(SUFFIXES)}"
        )
    check_target(path)


def write_predicted(table: pd.DataFrame, path: Path) -> None:
    """Write predictions atomically as CSV or Parquet, by the suffix; missing values are empty cells in CSV.

    Raises:
        InputError: as `check_out`, the disk is full, or the folder is not writable.
    """
    check_out(path)
    if path.suffix.lower() == ".parquet":
        write_table(table, path)
        return
    with atomic_path(path) as part:
        table.to_csv(part, index=False, float_format="%.7g", lineterminator="\n")


def _text(path: str) -> str:
    """The path as valid UTF-8; other bytes are escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
