"""Tables of generators with reported and measured values: thesis Tables 17 to 22, and further tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hemabalance.report.cells import NO_REASON, NOT_REPORTED, duration, missing_cells, number, reported_number
from hemabalance.report.synthesis.counts import gate, memory
from hemabalance.report.synthesis.generator_results import (
    NOT_IN_RUN,
    GeneratorResult,
    ReportedTables,
    any_reported,
    by_role,
    only_reported,
    reported_for,
)
from hemabalance.report.synthesis.scores import by_class, fid, pixels, precision
from hemabalance.report.synthesis.trust import trust

_COST: ReportedTables = {"rich": "table17_gan_training_time", "rare": "table22_fewshot_cost"}


def synthesis_tables(generators: Sequence[GeneratorResult], preset: str = "thesis") -> dict[str, pd.DataFrame]:
    """All tables of generators that were measured under one protocol.

    Args:
        generators: at least one.
        preset: of the run; the thesis's values belong to its own.

    Returns:
        `precision`, `fid`, `pixels`, `classes`, `gate`, `memory`, `trust`, `cost`. A cell is a number, `not available`
        (with a `reason`), or `not reported` in columns `reported_…` if the thesis gives no value. Methods that the
        thesis reports and this run lacks have rows with reported values only. There are no such columns and rows under
        another preset. A generator of all classes has rows over them and over those of each role; the role is in the
        column `classes`. Its training has the same cost in all of them.
    """
    parts = [part for result in generators for part in result.parts]
    tables = {
        "precision": precision(parts, preset),
        "fid": fid(parts, preset),
        "pixels": pixels(parts, preset),
        "classes": by_class(generators),
        "gate": gate(parts),
        "memory": memory(parts),
        "trust": trust(generators),
        "cost": cost(parts, preset),
    }
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def cost(generators: Sequence[GeneratorResult], preset: str) -> list[dict[str, Any]]:
    """Rows of the cost of training (Tables 17 and 22)."""
    with_reported = any_reported(_COST, preset)
    rows = [
        result.key_cells
        | (_reported_cost(reported_for(result, _COST, preset)) if with_reported else {})
        | _measured_cost(result.training)
        for result in generators
    ]
    unmeasured_cells = missing_cells(*_measured_cost(generators[0].training))
    for key_cells, figures in only_reported(generators, _COST, preset):
        rows.append(key_cells | _reported_cost(figures) | unmeasured_cells | {"reason": NOT_IN_RUN})
    return by_role(rows)


def _reported_cost(figures: Any | None) -> dict[str, str]:
    """Cells of reported costs: Table 17 has times only, Table 22 also episodes and parameters."""
    cost_values: Mapping[str, Any] = figures if isinstance(figures, Mapping) else {"time": figures}
    million = cost_values["parameters"] / 1e6 if "parameters" in cost_values else None
    return {
        "reported_training_time": cost_values.get("time") or NOT_REPORTED,
        "reported_episodes": reported_number(cost_values.get("episodes"), 0),
        "reported_parameters_million": reported_number(million, 1),
    }


def _measured_cost(training: Mapping[str, Any]) -> dict[str, Any]:
    networks = training["parameters"]
    return {
        "measured_training_time": duration(training["seconds"]),
        "measured_steps_or_episodes": training["steps"],
        "measured_parameters_million": number(sum(networks.values()) / 1e6, 3),
        "parameters_by_network": ", ".join(f"{name} {count:,}" for name, count in networks.items()),
        "real_images": training["images"],
        "taught_images": training["taught"],
        "device": training["device"],
        "precision": training["precision"],
        "reason": NO_REASON,
    }
