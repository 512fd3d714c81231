"""Parts of a run that are removed before a fault, so that jobs, including trainings, must run again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MODEL = "leak_free/classifiers/original/seed-1"
_STAIN = "leak_free/stain/wcyclegan_gp"
_DRAWN = "leak_free/synthesis/*/c_wgan_gp"


@dataclass(frozen=True)
class Work:
    """One part of a run.

    Attributes:
        name: name of the part.
        rules: rules that must run, in this order.
        removed: patterns of the files to remove, in `results/<run>`.
        requested: patterns of the files requested as targets.
        outputs: patterns of the output files, if `removed` is empty.
    """

    name: str
    rules: tuple[str, ...]
    removed: tuple[str, ...]
    requested: tuple[str, ...]
    outputs: tuple[str, ...] = ()

    def removed_files(self, results: Path) -> list[Path]:
        """Return the files of a finished run to remove."""
        return _matching(results, self.removed)

    def output_names(self, results: Path) -> set[str]:
        """Return the output files of this part, as paths relative to the run's folder."""
        return {path.relative_to(results).as_posix() for path in _matching(results, self.outputs or self.removed)}

    def targets(self, results: Path) -> list[str]:
        """Return the requested files of a finished run as Snakemake targets."""
        root = results.parent.parent
        return [path.relative_to(root).as_posix() for path in _matching(results, self.requested)]


def _matching(results: Path, patterns: Sequence[str]) -> list[Path]:
    paths = {path: None for pattern in patterns for path in sorted(results.glob(pattern)) if path.suffix != ".dvc"}
    return list(paths)


IMAGES = Work("images", ("manifest", "images"), ("manifest/*", "images/*"), ("images/*.zip",))
STAIN = Work(
    "stain",
    ("stain_fit", "stain_images"),
    (
        *(
            f"{_STAIN}/tcia/{name}"
            for name in ("weights.safetensors", "history.jsonl", "training.json", "seen.parquet")
        ),
        f"{_STAIN}/images.*",
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
    (f"{_MODEL}/*.*",),
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
