"""Result of comparing two experiments on the same test images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
"""Metrics that are compared: name in the file -> name for display."""

_LEAST_P = 1e-4


@dataclass(frozen=True)
class ComparisonResult:
    """Comparison of two experiments.

    Attributes:
        protocol: protocol of both experiments.
        content: content of a file written by `classify.compare.write_comparison`.
    """

    protocol: str
    content: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, str]:
        """The two experiments; differences are the first minus the second."""
        return self.content["a"], self.content["b"]

    def seed(self, seed: int) -> Mapping[str, Any]:
        """The comparison of the trainings with one seed.

        Raises:
            KeyError: the experiments have no trainings with this seed in common.
        """
        rows: Sequence[Mapping[str, Any]] = self.content["by_seed"]
        for row in rows:
            if row["seed"] == seed:
                return row
        raise KeyError(f"{' and '.join(self.names)} were not compared with the seed {seed}")

    def swapped(self, first: str) -> "ComparisonResult":
        """The same comparison with `first` as the first experiment.

        Raises:
            KeyError: `first` is neither of the two.
        """
        if first not in self.names:
            raise KeyError(f"{first} is neither of {' and '.join(self.names)}")
        if first == self.names[0]:
            return self
        over_seeds = {name: {**row, "mean": _negate(row["mean"])} for name, row in self.content["over_seeds"].items()}
        rows = [_swap_row(row) for row in self.content["by_seed"]]
        names = {"a": self.names[1], "b": self.names[0]}
        return ComparisonResult(self.protocol, {**self.content, **names, "by_seed": rows, "over_seeds": over_seeds})


def read_comparison_results(protocols: Sequence[str], files: Sequence[Path]) -> list[ComparisonResult]:
    """Read comparisons from their JSON files.

    Args:
        protocols: protocol of each comparison.
        files: JSON file of each, in the same order.
    """
    pairs = zip(protocols, files, strict=True)
    return [ComparisonResult(protocol, json.loads(path.read_text("utf-8"))) for protocol, path in pairs]


def probability(p: float) -> str:
    """A p value with four decimal places, or `<0.0001`."""
    return f"{p:.4f}" if p >= _LEAST_P else f"<{_LEAST_P:.4f}"


def _swap_row(row: Mapping[str, Any]) -> dict[str, Any]:
    negated = {
        name: {
            **row[name],
            "value": _negate(row[name]["value"]),
            "low": _negate(row[name]["high"]),
            "high": _negate(row[name]["low"]),
        }
        for name in METRICS
    }
    mcnemar = row["mcnemar"]
    if left_out := row.get("left_out"):
        swap = {"a": "b", "b": "a"}
        row = {**row, "left_out": {f"{key[:-1]}{swap[key[-1]]}": value for key, value in left_out.items()}}
    return {**row, **negated, "mcnemar": {**mcnemar, "only_a": mcnemar["only_b"], "only_b": mcnemar["only_a"]}}


def _negate(value: float | None) -> float | None:
    return None if value is None else -value
