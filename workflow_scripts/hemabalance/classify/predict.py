"""Classes and calibrated confidences of photographs, prepared as the model's training images were."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model import Model
from hemabalance.classify.model_schema import Frame
from hemabalance.classify.out_of_distribution import OutOfDistributionDetector
from hemabalance.classify.predictions import PROBABILITIES
from hemabalance.dataset.geometry import fit_square
from hemabalance.dataset.tables import write_table
from hemabalance.dataset.working_size import reduced
from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.metrics.calibration import tempered
from hemabalance.parallel import batched, threaded_map
from hemabalance.sources.decode import UnreadableImage, decode

TOGETHER = 64
"""Photographs that go through the model together."""

GREY, OUT_OF_DISTRIBUTION, NOT_NORMALISED = "grey", "out_of_distribution", "not_normalised"
"""Flags: without colour; unlike the training images; too plain for its stain to be normalised."""

COLUMNS = ("path", "predicted", "confidence", "flag", "error", *PROBABILITIES)
SUFFIXES = (".csv", ".parquet")

Normalise = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""RGB uint8 (n, s, s, 3) to the same in the stain of the training images, and bool (n,): returned unchanged."""


@dataclass(frozen=True)
class Predictor:
    """A model with what goes before and after it.

    Attributes:
        model: trained.
        look: what its training images look like.
        temperature: that its logits are divided by.
        frame: how a photograph becomes a square.
        field: share of the frame that is used.
        normalise: the model's stain normaliser, or None to leave colours as they are.
    """

    model: Model
    look: OutOfDistributionDetector
    temperature: float
    frame: Frame
    field: float
    normalise: Normalise | None

    def predict(self, images: Sequence[InputImage], *, threads: int) -> Iterator[pd.DataFrame]:
        """Predict images in their order, some dozens at a time; memory is bounded whatever their number.

        Args:
            images: to read.
            threads: decoders at once.

        Yields:
            Tables of `COLUMNS`, a row an image: `path`; `predicted`, missing where `error` says why; `confidence` and
            the probabilities, float32, calibrated, missing likewise; `flag`, what should make one look twice, joined
            by `;`.

        Raises:
            InputError: the model's outputs are not finite.
        """
        squares = threaded_map(self._square, images, threads=threads)
        for batch in batched(zip(images, squares, strict=True), TOGETHER):
            given, found = zip(*batch, strict=True)
            yield self._table([picture.path for picture in given], found)

    def _square(self, picture: InputImage) -> np.ndarray | str:
        """The photograph as a square, RGB uint8, or why there is none."""
        try:
            data = picture.read()
            image, _ = decode(data, max_pixels=self.frame.max_pixels, min_side=self.frame.min_side)
        except UnreadableImage as error:
            return error.reason
        longer = max(image.shape[:2])
        if self.frame.fit == "pad" and longer**2 > self.frame.max_pixels:
            return f"{image.shape[1]}x{image.shape[0]} pixels, padded to a square more than {self.frame.max_pixels}"
        return fit_square(image, size=self.frame.size, fit=self.frame.fit, field=self.field)

    def _table(self, paths: Sequence[str], found: Sequence[np.ndarray | str]) -> pd.DataFrame:
        read = np.array([isinstance(one, np.ndarray) for one in found])
        probabilities = np.full((len(found), len(PROBABILITIES)), np.nan, np.float32)
        predicted, flags = np.full(len(found), None, object), np.full(len(found), "", object)
        if read.any():
            squares = np.stack([one for one in found if isinstance(one, np.ndarray)])
            logits, flags[read] = self._judge(squares)
            probabilities[read] = tempered(logits, self.temperature)
            predicted[read] = np.array(self.model.classes, object)[logits.argmax(1)]
        errors = [one if isinstance(one, str) else "" for one in found]
        texts = {"path": [_text(path) for path in paths], "predicted": predicted}
        table = pd.DataFrame(texts | {"flag": flags, "error": errors}).astype("str")
        table["predicted"] = table["predicted"].where(read)
        table["confidence"] = probabilities.max(1)
        return pd.concat([table, pd.DataFrame(probabilities, columns=list(PROBABILITIES))], axis=1)[list(COLUMNS)]

    def _judge(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (n, classes) and flags, str objects (n,), of squares RGB uint8 (n, s, s, 3)."""
        grey = (squares == squares[..., :1]).all((1, 2, 3))
        passed = np.zeros(len(squares), bool)
        if self.normalise is not None:
            squares, passed = self.normalise(squares)
        pixels = reduced(squares, self.model.size, where="the prepared photographs")
        logits = self.model.logits(pixels)
        if not np.isfinite(logits).all():
            raise InputError("the model", "gives outputs that are not finite numbers", "Train it again")
        raised = {
            GREY: grey,
            NOT_NORMALISED: passed,
            OUT_OF_DISTRIBUTION: self.look.out_of_distribution(pixels, logits),
        }
        flags = [";".join(name for name, on in raised.items() if on[place]) for place in range(len(squares))]
        return logits, np.array(flags, object)


def check_out(path: Path) -> None:
    """Refuse a place for predictions that nothing could be written to in the end.

    Raises:
        InputError: neither CSV nor Parquet by its suffix, or a folder.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(path, "is neither a CSV nor a Parquet file by its name", f"End it in {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise InputError(path, "is a folder", "Name a file that is to be written")


def write_predicted(table: pd.DataFrame, path: Path) -> None:
    """Write predictions, CSV or Parquet by the suffix, atomically; what is missing is an empty cell of a CSV.

    Raises:
        InputError: as `check_out`; the disk is full or the folder cannot be written to.
    """
    check_out(path)
    if path.suffix.lower() == ".parquet":
        write_table(table, path)
        return
    with atomic_path(path) as part:
        table.to_csv(part, index=False, float_format="%.7g", lineterminator="\n")


def _text(path: str) -> str:
    """A path that can be written as UTF-8; bytes of a name that are none are escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
