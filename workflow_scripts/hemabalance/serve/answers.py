"""What the page shows: predictions of uploaded files with a preview of each image, and facts about the model."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from hemabalance.api.classifier import Classifier
from hemabalance.classify.model_file import DETECTOR, OpenedModelFile, read_model_file
from hemabalance.classify.out_of_distribution import read_detector
from hemabalance.classify.predict import SIMILARITY
from hemabalance.classify.predictions import probability_columns
from hemabalance.parallel import threaded_map
from hemabalance.sources.archives import Limits
from hemabalance.sources.containers.zips import MAGIC
from hemabalance.sources.decode import decode
from hemabalance.sources.formats import IMAGE_SUFFIXES, READABLE

BATCH = 32
"""Most files of one request."""

NEAREST = 2
"""Training images whose similarity is shown."""

IS_ZIP = "is a zip: unpack it, and drop the folder"

_PREVIEW_SIDE, _QUALITY = 320, 88
_SHOWN_METRICS = ("accuracy", "balanced_accuracy", "expected_calibration_error")

Row = dict[str, Any]
"""JSON values of one image: see `Answers.rows`."""


@dataclass(frozen=True)
class Answers:
    """A trained classifier as the page needs it.

    Attributes:
        classifier: the opened model.
        model_file: its `model.json`.
        threads: images that are decoded at once.
    """

    classifier: Classifier
    model_file: OpenedModelFile
    threads: int

    @classmethod
    def open(cls, model: Path, *, device: str, threads: int) -> "Answers":
        """Open a model; arguments and errors as those of `Classifier`."""
        return cls(Classifier.load(model, device=device, threads=threads), read_model_file(model), threads)

    @property
    def limits(self) -> Limits:
        """Limits on the number and size of uploaded files: those on archives of images to predict."""
        return self.model_file.archive_limits()

    def about(self) -> dict[str, Any]:
        """JSON values: the model's name, classes, data and results, and what may be uploaded."""
        content = self.model_file.content
        return {
            "name": content.experiment,
            "method": content.method,
            "classes": list(content.classes),
            "data": [entry.model_dump() for entry in content.data.values()],
            "metrics": {name: content.metrics[name].model_dump() for name in _SHOWN_METRICS if name in content.metrics},
            "notes": list(content.notes),
            "similarity": read_detector(self.model_file.beside(DETECTOR)).examples is not None,
            "batch": BATCH,
            "max_files": self.limits.max_members,
            "max_bytes": self.limits.max_member_bytes,
            "suffixes": list(IMAGE_SUFFIXES),
            "formats": READABLE,
        }

    def rows(self, paths: Sequence[Path]) -> list[Row]:
        """Predict files; slow, so not for the thread of the event loop.

        Args:
            paths: files of any content, at most `BATCH`.

        Returns:
            For each file: `predicted`, `confidence`, `flag`, `error` and the list `probabilities` as
            `Classifier.predict` gives them, seven digits each; `similarities`, a list, None where the model has no
            examples; `preview`, a JPEG of at most 320 x 320 pixels as a data URL. What an unreadable file lacks is
            None.

        Raises:
            InputError: as `Classifier.predict`.
        """
        zips = {path for path in paths if _is_zip(path)}
        images = [path for path in paths if path not in zips]
        answered = iter(self._predicted(images) if images else [])
        return [_refused(IS_ZIP) if path in zips else next(answered) for path in paths]

    def _predicted(self, images: Sequence[Path]) -> list[Row]:
        table = self.classifier.predict(list(map(str, images)), nearest=NEAREST)
        chances = table[probability_columns(self.model_file.content.classes)]
        similarities = table[[f"{SIMILARITY}{place + 1}" for place in range(NEAREST)]]
        readable = (table["error"] == "").tolist()
        previews = threaded_map(
            self._preview, [path for path, fine in zip(images, readable, strict=True) if fine], threads=self.threads
        )
        return [
            {
                "predicted": row.predicted,
                "confidence": _number(row.confidence),
                "flag": row.flag,
                "error": "",
                "probabilities": _numbers(chances, place),
                "similarities": _numbers(similarities, place),
                "preview": next(previews),
            }
            if readable[place]
            else _refused(row.error)
            for place, row in enumerate(table.itertuples())
        ]

    def _preview(self, path: Path) -> str:
        pixels, _ = decode(path.read_bytes(), max_pixels=self.model_file.content.frame.max_pixels, min_side=1)
        image, buffer = Image.fromarray(pixels), io.BytesIO()
        image.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
        image.save(buffer, "JPEG", quality=_QUALITY)
        return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def quiet_batches() -> None:
    """Let the log say once, not with each batch of an upload, how images are prepared."""
    logging.getLogger("hemabalance.api.predictor").setLevel(logging.WARNING)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(8).startswith(MAGIC)


def _refused(reason: str) -> Row:
    missing = dict.fromkeys(("predicted", "confidence", "probabilities", "similarities", "preview"))
    return {**missing, "flag": "", "error": reason}


def _numbers(columns: pd.DataFrame, place: int) -> list[float] | None:
    values = columns.iloc[place].tolist()
    return None if pd.isna(values).any() else [_number(value) for value in values]


def _number(value: float) -> float:
    return float(f"{value:.7g}")  # as in the CSV of `hemabalance predict`
