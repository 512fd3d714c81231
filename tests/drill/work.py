"""Parts of a run that are taken away before a fault, so that there is something to do, trainings among it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MODEL = "leak_free/classifiers/original/seed-1"
_STAIN = "leak_free/stain/wcyclegan_gp"
_DRAWN = "leak_free/synthesis/*/c_wgan_gp"


@dataclass(frozen=True)
class Work:
    """One part.

    Attributes:
        name: of the part.
        rules: that must run, in this order.
        removed: patterns of the files that are taken away, in `results/<run>`.
        requested: patterns of those that are asked for again.
        made: patterns of the files that are made where nothing is taken away.
    """

    name: str
    rules: tuple[str, ...]
    removed: tuple[str, ...]
    requested: tuple[str, ...]
    made: tuple[str, ...] = ()

    def removed_files(self, results: Path) -> list[Path]:
        """The files that are taken away, of a finished run."""
        return _matching(results, self.removed)

    def concerns(self, results: Path) -> set[str]:
        """The files that this part makes, by their paths in the run's folder."""
        return {path.relative_to(results).as_posix() for path in _matching(results, self.made or self.removed)}

    def targets(self, results: Path) -> list[str]:
        """What to ask for, as Snakemake names it, of a finished run."""
        root = results.parent.parent
        return [path.relative_to(root).as_posix() for path in _matching(results, self.requested)]


def _matching(results: Path, patterns: Sequence[str]) -> list[Path]:
    found = {path: None for pattern in patterns for path in sorted(results.glob(pattern)) if path.suffix != ".dvc"}
    return list(found)


IMAGES = Work("images", ("manifest", "images"), ("manifest/*", "images/*"), ("images/*.zip",))
STAIN = Work(
    "stain",
    ("stain_fit", "stain_images"),
    tuple(
        f"{_STAIN}/{name}"
        for name in ("weights.safetensors", "history.jsonl", "training.json", "seen.parquet", "images.*")
    ),
    (f"{_STAIN}/images.zip",),
)
SYNTHESIS = Work(
    "synthesis",
    ("synthesis_fit", "synthesis_images"),
    tuple(
        f"{_DRAWN}/{name}"
        for name in (
            "weights.*",
            "history.jsonl",
            "training.json",
            "seen.*",
            "snap*",
            "images.*",
            "gate*",
            "features.*",
        )
    ),
    (f"{_DRAWN}/images.zip",),
)
CLASSIFIER = Work(
    "classifier",
    ("classify_fit", "classify_evaluate"),
    (f"{_MODEL}/*",),
    (f"{_MODEL}/model.json", f"{_MODEL}/metrics.json"),
)
TABLES = Work(
    "tables",
    ("classify_report", "report"),
    ("tables/classify_*", "tables/*.json", "figures/classify_*", "comparisons/*", "report.html"),
    ("report.html",),
)
TRAININGS = (STAIN, SYNTHESIS, CLASSIFIER)
ALL = (IMAGES, *TRAININGS, TABLES)
