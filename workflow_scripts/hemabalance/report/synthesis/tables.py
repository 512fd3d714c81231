"""Tables of generators, reported beside measured: thesis Tables 17 to 22, and what the thesis did not ask."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from hemabalance.report.cells import NO_REASON, NOT_REPORTED, duration, lacking, number, reported_number
from hemabalance.report.synthesis.counts import gate, memory
from hemabalance.report.synthesis.generator_results import (
    GeneratorResult,
    ReportedTables,
    by_role,
    only_reported,
    reported_for,
)
from hemabalance.report.synthesis.scores import by_class, fid, pixels, precision

_COST: ReportedTables = {"rich": "table17_gan_training_time", "rare": "table22_fewshot_cost"}


def synthesis_tables(generators: Sequence[GeneratorResult]) -> dict[str, pd.DataFrame]:
    """All tables of generators that were measured under one protocol.

    Args:
        generators: at least one.

    Returns:
        `precision`, `fid`, `pixels`, `classes`, `gate`, `memory`, `cost`. A cell is a number or words: `not available`
        with its `reason`, or `not reported`, in columns `reported_…`, where the thesis has no figure. Methods that the
        thesis reports and this run has not stand there with their reported figures alone.
    """
    return {name: pd.DataFrame(rows(generators)) for name, rows in _TABLES.items()}


def cost(generators: Sequence[GeneratorResult]) -> list[dict[str, Any]]:
    """What training cost (Tables 17 and 22)."""
    rows = [one.head | _told_cost(reported_for(one, _COST)) | _measured_cost(one.training) for one in generators]
    missing = lacking(*_measured_cost(generators[0].training))
    for head, figures, why in only_reported(generators, _COST):
        rows.append(head | _told_cost(figures) | missing | {"reason": why})
    return by_role(rows)


def _told_cost(figures: Any | None) -> dict[str, str]:
    """Table 17 has times alone, Table 22 also episodes and parameters."""
    known: Mapping[str, Any] = figures if isinstance(figures, Mapping) else {"time": figures}
    million = known["parameters"] / 1e6 if "parameters" in known else None
    return {
        "reported_training_time": known.get("time") or NOT_REPORTED,
        "reported_episodes": reported_number(known.get("episodes"), 0),
        "reported_parameters_million": reported_number(million, 1),
    }


def _measured_cost(done: Mapping[str, Any]) -> dict[str, Any]:
    networks = done["parameters"]
    return {
        "measured_training_time": duration(done["seconds"]),
        "measured_steps_or_episodes": done["steps"],
        "measured_parameters_million": number(sum(networks.values()) / 1e6, 3),
        "parameters_by_network": ", ".join(f"{name} {count:,}" for name, count in networks.items()),
        "real_images": done["images"],
        "taught_images": done["taught"],
        "device": done["device"],
        "precision": done["precision"],
        "reason": NO_REASON,
    }


_TABLES: dict[str, Callable[[Sequence[GeneratorResult]], list[dict[str, Any]]]] = {
    "precision": precision,
    "fid": fid,
    "pixels": pixels,
    "classes": by_class,
    "gate": gate,
    "memory": memory,
    "cost": cost,
}
