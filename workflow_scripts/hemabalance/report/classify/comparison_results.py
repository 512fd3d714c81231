"""What came of comparing two experiments on the same test images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
"""What is compared, by the names in the file -> in words."""

_LEAST_P = 1e-4


@dataclass(frozen=True)
class ComparisonResult:
    """One comparison.

    Attributes:
        protocol: of both experiments.
        found: what `classify.compare.write_comparison` wrote.
    """

    protocol: str
    found: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, str]:
        """The two experiments; differences are the first less the second."""
        return self.found["a"], self.found["b"]

    def seed(self, seed: int) -> Mapping[str, Any]:
        """What was found of the trainings with one seed.

        Raises:
            KeyError: they have it not in common.
        """
        for row in self.found["by_seed"]:
            if row["seed"] == seed:
                found: Mapping[str, Any] = row
                return found
        raise KeyError(f"{' and '.join(self.names)} were not compared with the seed {seed}")

    def turned(self, first: str) -> "ComparisonResult":
        """The same with `first` as the first of the two; itself where it is so already.

        Raises:
            KeyError: it is neither.
        """
        if first not in self.names:
            raise KeyError(f"{first} is neither of {' and '.join(self.names)}")
        if first == self.names[0]:
            return self
        over = {name: {**row, "mean": _minus(row["mean"])} for name, row in self.found["over_seeds"].items()}
        rows = [_turned(row) for row in self.found["by_seed"]]
        names = {"a": self.names[1], "b": self.names[0]}
        return ComparisonResult(self.protocol, {**self.found, **names, "by_seed": rows, "over_seeds": over})


def read_comparison_results(protocols: Sequence[str], files: Sequence[Path]) -> list[ComparisonResult]:
    """Comparisons by their files.

    Args:
        protocols: of each.
        files: its JSON, in the same order.
    """
    read = zip(protocols, files, strict=True)
    return [ComparisonResult(protocol, json.loads(path.read_text("utf-8"))) for protocol, path in read]


def probability(p: float) -> str:
    """A p value, to four places."""
    return f"{p:.4f}" if p >= _LEAST_P else f"<{_LEAST_P:.4f}"


def _turned(row: Mapping[str, Any]) -> dict[str, Any]:
    ends = {
        name: {
            **row[name],
            "value": _minus(row[name]["value"]),
            "low": _minus(row[name]["high"]),
            "high": _minus(row[name]["low"]),
        }
        for name in METRICS
    }
    test = row["mcnemar"]
    return {**row, **ends, "mcnemar": {**test, "only_a": test["only_b"], "only_b": test["only_a"]}}


def _minus(value: float | None) -> float | None:
    return None if value is None else -value
