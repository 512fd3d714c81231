"""What was measured of one trained classifier, and what the thesis reports of its like."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, NOT_REPORTED
from hemabalance.report.reported import reported

HEADLINE = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
"""Metrics that a table shows first, by their names in `metrics.json`."""

OF_CLASS = ("sensitivity", "specificity", "one_vs_rest_accuracy")
"""What the thesis shows of each class; the last is its `accuracy` there."""


_FIG52 = {"efficientnet_b0": "efficientnet", "resnext101_64x4d": "resnext101", "seresnext50_32x4d": "seresnext50"}
_RICH, _RARE, _OURS = "c_wgan_gp", "fewshot_meta", "senet154_ge"


@dataclass(frozen=True)
class ClassifierResult:
    """One experiment, trained with one seed.

    Attributes:
        name: of the experiment in config.
        model: in config.
        recipe: in config, whose images it learned from.
        protocol: `leak_free` or `thesis`.
        seed: of the training.
        thesis_name: under which name the thesis reports its like (`thesis_name_for`); None where it reports nothing.
        synthetic: whether its recipe takes synthetic images.
        metrics: its `metrics.json`.
        training: its `training.json`.
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
    def head(self) -> dict[str, Any]:
        """The columns that say which training a row is about."""
        return {"experiment": self.name, "protocol": self.protocol, "seed": self.seed}

    @property
    def n(self) -> int:
        """Real test images that it was measured on."""
        n: int = self.metrics["n"]
        return n

    @property
    def images(self) -> int:
        """Training images."""
        n: int = self.training["images"]
        return n

    @property
    def added(self) -> int:
        """Synthetic ones among them."""
        n: int = self.training["synthetic"]
        return n

    @property
    def reason(self) -> str:
        """Why values are missing, if any are."""
        return "; ".join(dict.fromkeys(map(str, self.metrics["notes"].values()))) or NO_REASON

    def metric(self, name: str) -> Mapping[str, Any]:
        """One metric over all test images: `value, low, high, n`."""
        found: Mapping[str, Any] = self.metrics["metrics"][name]
        return found

    def of_class(self, label: str) -> Mapping[str, Any]:
        """The row of one class.

        Raises:
            KeyError: it has none.
        """
        for row in self.metrics["classes"]:
            if row["label"] == label:
                found: Mapping[str, Any] = row
                return found
        raise KeyError(f"{self.name} has no row of the class {label}")


def read_classifier_results(
    experiments: Sequence[Mapping[str, Any]], metrics: Sequence[Path], training: Sequence[Path]
) -> list[ClassifierResult]:
    """What was measured of each training.

    Args:
        experiments: `name, model, recipe, protocol, seed` of each, and `network, normalizer, rich, rare` as for
            `thesis_name_for`.
        metrics: its `metrics.json`, in the same order.
        training: its `training.json`, in the same order.
    """
    found = []
    for known, *paths in zip(experiments, metrics, training, strict=True):
        name, model, recipe, protocol, seed = (known[key] for key in ("name", "model", "recipe", "protocol", "seed"))
        synthetic = known["rich"] is not None or known["rare"] is not None
        measured, trained = (json.loads(path.read_text("utf-8")) for path in paths)
        found.append(
            ClassifierResult(name, model, recipe, protocol, seed, thesis_name_of(known), synthetic, measured, trained)
        )
    return found


def thesis_name_of(known: Mapping[str, Any]) -> str | None:
    """`thesis_name_for` of an experiment's `network, normalizer, rich, rare`."""
    return thesis_name_for(known["network"], known["normalizer"], known["rich"], known["rare"])


def thesis_name_for(network: str, normalizer: str, rich: str | None, rare: str | None) -> str | None:
    """Under which name the thesis reports what was built and trained alike; None where it reports nothing.

    Its original set is neither normalised nor balanced. Which normaliser a run takes does not matter here.

    Args:
        network: architecture of timm or method, `senet154_ge` with and `senet154` without gather-excite.
        normalizer: method, `none` for images as they are.
        rich, rare: methods of the generators of well-filled and of rare classes; None for none.

    Returns:
        A key of `reported_accuracies`.
    """
    normalised = normalizer != "none"
    if (rich, rare) == (_RICH, _RARE) and normalised:
        name = "without_gather_excite" if network == "senet154" else _FIG52.get(network, network)
        return name if name in reported_accuracies() else None
    if network != _OURS:
        return None
    others = {
        (None, None, False): "original",
        (_RICH, _RARE, False): "without_stain_normalization",
        (_RARE, _RARE, True): "without_c_wgan_gp_all_fewshot",
        (_RICH, _RICH, True): "without_fewshot_all_c_wgan_gp",
    }
    return others.get((rich, rare, normalised))


def reported_accuracies() -> dict[str, float]:
    """Accuracies that the thesis reports, in percent, by name.

    Models on the balanced set by their names in Fig. 52; `original`, the set before normalising and balancing; and
    what the ablation leaves out (Fig. 58): `without_…`.
    """
    ablations = {key: value for key, value in reported("ablation_accuracy").items() if key != "full"}
    original = {"original": reported("classification")["original"]["accuracy"]}
    return {**reported("figure52_accuracy_balanced"), **original, **ablations}


def thesis_accuracy(thesis_name: str | None) -> float | None:
    """The accuracy, in percent, that the thesis reports under a name; None where it reports nothing."""
    return None if thesis_name is None else reported_accuracies()[thesis_name]


def thesis_scores_of_class(one: ClassifierResult, label: str) -> Mapping[str, float]:
    """What the thesis says of a class (Figs. 53 and 54), in percent: `accuracy`, `sensitivity`, `specificity`."""
    table = {"original": "figure53_original_by_class", "senet154_ge": "figure54_balanced_by_class"}.get(
        one.thesis_name or ""
    )
    found: Mapping[str, float] = reported(table).get(label, {}) if table else {}
    return found


def why_lacking(cells: Mapping[str, Any], why: str) -> str:
    """The reason of a row of a table: none where it lacks nothing, and that images are too few where `why` is none."""
    if NOT_AVAILABLE not in cells.values():
        return NO_REASON
    return why if why != NO_REASON else "too few images for an interval"


def as_share(percent: float | None) -> str:
    """Percent of the thesis as a share, not rounded."""
    return NOT_REPORTED if percent is None else str(Decimal(str(percent)) / 100)
