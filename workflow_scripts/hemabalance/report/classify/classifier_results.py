"""Results of one trained classifier, and the corresponding values reported by the thesis."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, NOT_REPORTED
from hemabalance.report.reported import reported

HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
"""Overall metrics that tables show, by their names in `metrics.json`."""

OF_CLASS = ("sensitivity", "specificity", "one_vs_rest_accuracy")
"""Metrics that the thesis shows for each class; the last is called `accuracy` there."""

# Name of a network -> its name in Fig. 52 of the thesis.
_FIGURE_52_NAMES = {
    "efficientnet_b0": "efficientnet",
    "resnext101_64x4d": "resnext101",
    "seresnext50_32x4d": "seresnext50",
}
_THESIS_RICH, _THESIS_RARE, _THESIS_NETWORK = "c_wgan_gp", "fewshot_meta", "senet154_ge"


@dataclass(frozen=True)
class ClassifierResult:
    """Results of one experiment, trained with one seed.

    Attributes:
        name: name of the experiment in config.
        model: name of the model in config.
        recipe: name of the recipe in config that gave the training images.
        protocol: `leak_free` or `thesis`.
        seed: seed of the training.
        thesis_name: name under which the thesis reports the same setting (`thesis_name_for`); None if it reports
            none, and for a run without the thesis's preset.
        synthetic: whether the recipe uses synthetic images.
        metrics: content of `metrics.json`.
        training: content of `training.json`.
    """

    name: str
    model: str
    recipe: str
    protocol: str
    seed: int
    thesis_name: str | None
    synthetic: bool
    metrics: Mapping[str, Any]
    training: Mapping[str, Any]

    @property
    def key_cells(self) -> dict[str, Any]:
        """The columns that identify the training in a table."""
        return {"experiment": self.name, "protocol": self.protocol, "seed": self.seed}

    @property
    def n(self) -> int:
        """Number of real test images."""
        n: int = self.metrics["n"]
        return n

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the model."""
        return tuple(self.metrics["confusion"]["classes"])

    @property
    def images(self) -> int:
        """Number of training images."""
        n: int = self.training["images"]
        return n

    @property
    def added(self) -> int:
        """Number of synthetic training images."""
        n: int = self.training["synthetic"]
        return n

    @property
    def reason(self) -> str:
        """Why values are missing; `NO_REASON` if none is."""
        return "; ".join(dict.fromkeys(map(str, self.metrics["notes"].values()))) or NO_REASON

    def metric(self, name: str) -> Mapping[str, Any]:
        """One metric over all test images: `value, low, high, n`."""
        estimate: Mapping[str, Any] = self.metrics["metrics"][name]
        return estimate

    def of_class(self, label: str) -> Mapping[str, Any]:
        """The row of one class: `label, n` and metrics with `value, low, high, n`.

        Raises:
            KeyError: there is no row of this class.
        """
        rows: Sequence[Mapping[str, Any]] = self.metrics["classes"]
        for row in rows:
            if row["label"] == label:
                return row
        raise KeyError(f"{self.name} has no row of the class {label}")


def classes_of_results(results: Sequence[ClassifierResult]) -> list[str]:
    """The classes of all models, sorted."""
    return sorted({label for result in results for label in result.classes})


def read_classifier_results(
    experiments: Sequence[Mapping[str, Any]], metrics: Sequence[Path], training: Sequence[Path], *, preset: str
) -> list[ClassifierResult]:
    """Read the results of trainings.

    Args:
        experiments: `name, model, recipe, protocol, seed` of each, and `network, normalizer, rich, rare` as for
            `thesis_name_for`.
        metrics: `metrics.json` of each, in the same order.
        training: `training.json` of each, in the same order.
        preset: preset of the run.
    """
    results = []
    for experiment, *paths in zip(experiments, metrics, training, strict=True):
        keys = {key: experiment[key] for key in ("name", "model", "recipe", "protocol", "seed")}
        synthetic = experiment["rich"] is not None or experiment["rare"] is not None
        contents = [json.loads(path.read_text("utf-8")) for path in paths]
        results.append(
            ClassifierResult(
                **keys,
                thesis_name=thesis_name_of(experiment, preset),
                synthetic=synthetic,
                metrics=contents[0],
                training=contents[1],
            )
        )
    return results


def has_reported(preset: str) -> bool:
    """Whether there are values reported by the thesis for the results of a preset."""
    return bool(reported("classification", preset))


def thesis_name_of(experiment: Mapping[str, Any], preset: str) -> str | None:
    """`thesis_name_for` an experiment with the keys `network, normalizer, rich, rare`; None for another preset."""
    if not has_reported(preset):
        return None
    return thesis_name_for(experiment["network"], experiment["normalizer"], experiment["rich"], experiment["rare"])


def thesis_name_for(network: str, normalizer: str, rich: str | None, rare: str | None) -> str | None:
    """Name under which the thesis reports an experiment with the same setting; None if it reports none.

    The original set of the thesis is neither normalised nor balanced. All normalisers except `none` count as the same.

    Args:
        network: timm architecture or method; `senet154_ge` has gather-excite, `senet154` does not.
        normalizer: method of the normaliser, `none` for unchanged images.
        rich, rare: methods of the generators for classes with many and with few images; None for no generator.

    Returns:
        A key of `reported_accuracies`.
    """
    normalised = normalizer != "none"
    if (rich, rare) == (_THESIS_RICH, _THESIS_RARE) and normalised:
        name = "without_gather_excite" if network == "senet154" else _FIGURE_52_NAMES.get(network, network)
        return name if name in reported_accuracies() else None
    if network != _THESIS_NETWORK:
        return None
    names = {
        (None, None, False): "original",
        (_THESIS_RICH, _THESIS_RARE, False): "without_stain_normalization",
        (_THESIS_RARE, _THESIS_RARE, True): "without_c_wgan_gp_all_fewshot",
        (_THESIS_RICH, _THESIS_RICH, True): "without_fewshot_all_c_wgan_gp",
    }
    return names.get((rich, rare, normalised))


def reported_accuracies() -> dict[str, float]:
    """Accuracies reported by the thesis, in percent, by name.

    Names are those of models on the balanced set (Fig. 52), `original` for the set before normalisation and balancing,
    and `without_…` for ablations (Fig. 58).
    """
    ablations = {key: value for key, value in reported("ablation_accuracy").items() if key != "full"}
    original = {"original": reported("classification")["original"]["accuracy"]}
    return {**reported("figure52_accuracy_balanced"), **original, **ablations}


def thesis_accuracy(thesis_name: str | None) -> float | None:
    """The accuracy in percent that the thesis reports under a name; None for None."""
    return None if thesis_name is None else reported_accuracies()[thesis_name]


def thesis_scores_of_class(result: ClassifierResult, label: str) -> Mapping[str, float]:
    """Scores of a class reported by the thesis (Figs. 53 and 54), in percent: `accuracy, sensitivity, specificity`."""
    table = {"original": "figure53_original_by_class", "senet154_ge": "figure54_balanced_by_class"}.get(
        result.thesis_name or ""
    )
    scores: Mapping[str, float] = reported(table).get(label, {}) if table else {}
    return scores


def missing_reason(cells: Mapping[str, Any], reason: str) -> str:
    """Cell text of the column `reason`.

    `NO_REASON` if no cell is missing; else `reason`, or that there are too few images if `reason` is `NO_REASON`.
    """
    if NOT_AVAILABLE not in cells.values():
        return NO_REASON
    return reason if reason != NO_REASON else "too few images for an interval"


def reported_cells(preset: str, **cells: str) -> dict[str, str]:
    """Cells of values reported by the thesis; none for a run without its preset."""
    return cells if has_reported(preset) else {}


def as_share(percent: float | None) -> str:
    """A percentage from the thesis as a share of 1, not rounded; `NOT_REPORTED` for None."""
    return NOT_REPORTED if percent is None else str(Decimal(str(percent)) / 100)
