"""Part 5: hours and memory of the full run, from the measured steps, beside the times that the thesis reports."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.config.plan import ALL, Plan
from hemabalance.config.run import Config
from hemabalance.gpu_check.cases import TrainingCase
from hemabalance.gpu_check.speed import DEFAULT
from hemabalance.report.reported import reported
from hemabalance.training.classifier import AUGMENTATIONS

REPORTED = {
    "stain_fit": "table13_stain_training_time",
    "synthesis_fit": "table17_gan_training_time",
    "classify_fit": "table24_classifier_training_time",
}
REPORTED_NAMES = {"efficientnet_b0": "efficientnet"}
PRECISIONS = {"32": DEFAULT.name, "bf16": "bf16"}
"""Precision of the config -> the measured variant with which the trainings of a run compute."""


def trainings_by_case(config: Config) -> Counter[tuple[str, str]]:
    """How often each training of `snakemake all experiments` runs, by rule and entry of the config.

    A normaliser is trained once for each pair of stain domains and each protocol that uses it, a generator once for
    each normaliser and protocol whose images it learns, a classifier once for each experiment and seed.
    """
    plan, counts = Plan(config), Counter[tuple[str, str]]()
    normalizers = {(protocol, name) for protocol in config.protocols for name in plan.normalizers_on(ALL, protocol)}
    generators = {
        (protocol, config.synthesis.normalizer, name)
        for protocol in config.protocols
        for name in plan.generators_on(ALL, protocol)
    }
    for experiment in plan.experiments.values():
        recipe = plan.recipe(experiment.recipe)
        normalizers.add((experiment.protocol, recipe.normalizer))
        generators |= {(experiment.protocol, recipe.normalizer, name) for name in recipe.generators}
        counts["classify_fit", experiment.model] += len(experiment.seeds)
    entries = config.synthesis.generators
    generators |= {(p, normalizer, t) for p, normalizer, name in generators if (t := entries[name].teacher)}
    judged = {(protocol, normalizer) for protocol, normalizer, _ in generators}
    for _, name in normalizers | judged:
        counts["stain_fit", name] += len(config.other_sources)
    for _, _, name in generators:
        counts["synthesis_fit", name] += 1
    counts["synthesis_judge", "synthesis_judge"] = len(judged)
    measured = [protocol for protocol in config.protocols if plan.normalizers_on(ALL, protocol)]
    labelled = set(config.labelled_sources)
    pairs = len(labelled - {config.reference}) if config.reference in labelled else 0
    counts["source_classifier", "source_classifier"] = len(AUGMENTATIONS) * len(measured) * pairs
    return counts


def projection(
    cases: Sequence[TrainingCase], rows: Sequence[Mapping[str, Any]], config: Config
) -> list[dict[str, Any]]:
    """Rows of the projected run, one for each training that was measured in the precision of the config.

    Args:
        cases: all trainings.
        rows: of part 2.
        config: determines how often each training runs.

    Returns:
        JSON values: `rule, name, steps, variant, hours` (one training)`, runs, memory_mib, reported` (time in the
        thesis, for example "9h13m", or None). The hours hold the steps alone: no validation, snapshot or start.
    """
    counts, variant = trainings_by_case(config), PRECISIONS[config.precision]
    by_name = {(row["rule"], row["name"]): row for row in rows if row.get("variant") == variant and "step_s" in row}
    measured = {case.key: by_name[name] for case in cases if (name := (case.rule, case.name)) in by_name}
    projected = []
    for case in cases:
        row = measured.get(case.key)
        if row is None or not (runs := counts[case.rule, case.name]):
            continue
        batches = case.batch / row["batch"]  # a smaller batch, for lack of memory, needs more steps
        projected.append(
            {
                "rule": case.rule,
                "name": case.name,
                "steps": round(case.steps),
                "variant": variant,
                "hours": case.steps * batches * row["step_s"] / 3600,
                "runs": runs,
                "memory_mib": row["memory_mib"],
                "reported": reported_time(case, config.preset),
            }
        )
    return projected


def reported_time(case: TrainingCase, preset: str) -> str | None:
    """The training time that the thesis reports for a training; None if it reports none, or under another preset."""
    times = reported(REPORTED[case.rule], preset) if case.rule in REPORTED else {}
    if case.name in (few := reported("table22_fewshot_cost", preset)) and case.name not in times:
        times = {case.name: few[case.name]["time"]}
    time = times.get(REPORTED_NAMES.get(case.name, case.name))
    return None if time is None else str(time)


def rule_demands(projected: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Rule -> `hours` of its longest job, and `memory_mib` of its largest one on the device, for the Slurm profile."""
    demands: dict[str, dict[str, float]] = {}
    for row in projected:
        demand = demands.setdefault(row["rule"], {"hours": 0.0, "memory_mib": 0.0})
        demand["hours"] = max(demand["hours"], row["hours"])
        demand["memory_mib"] = max(demand["memory_mib"], row["memory_mib"] or 0.0)
    return demands
