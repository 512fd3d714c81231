"""Table of the share of the gap between the baseline and the ceiling that a recipe recovers."""

from typing import Any

from hemabalance.metrics.resampling import Estimate
from hemabalance.report.cells import NO_REASON, interval_cells
from hemabalance.report.scarcity.results import RARE_F1, RecipeResult, ScarcityResults

NO_GAP = "the ceiling is not shown to be above the baseline: the interval of the gap is not above 0"


def gap(results: ScarcityResults) -> list[dict[str, Any]]:
    """Rows of (recipe - baseline) / (ceiling - baseline) in rare-class macro-F1, for each recipe but the baseline.

    The ratio is computed in each resample. Without a gap whose interval is above 0 it is not available. The ceiling is
    that of the experiment and then, where it was trained on the whole classes too, the baseline there: the same model
    with all images.
    """
    ceilings = dict.fromkeys((results.arms.ceiling, results.arms.baseline))
    return [
        _row(result, results.groups[results.arms.baseline, n], results.groups[ceiling, None])
        for n in results.ns
        for ceiling in ceilings
        if (ceiling, None) in results.groups
        for result in results.at(n)
        if result.recipe != results.arms.baseline
    ]


def recovered(result: RecipeResult, baseline: RecipeResult, ceiling: RecipeResult) -> Estimate:
    """The share of the gap that a recipe recovers; None without a gap whose interval is above 0."""
    whole = ceiling.less(baseline, RARE_F1)
    if whole.low is None or whole.low <= 0:
        return Estimate(None, None, None, result.images)
    base = baseline.metrics[RARE_F1]
    share = result.metrics[RARE_F1].less(base).over(ceiling.metrics[RARE_F1].less(base))
    return share.estimate(result.images)


def _row(result: RecipeResult, baseline: RecipeResult, ceiling: RecipeResult) -> dict[str, Any]:
    share = recovered(result, baseline, ceiling)
    return (
        {"n": result.n, "recipe": result.recipe, "ceiling": ceiling.recipe}
        | interval_cells(share._asdict(), "value", "share_of_gap_recovered", 2)
        | interval_cells(result.less(baseline, RARE_F1)._asdict(), "value", "recipe_less_baseline", 3)
        | interval_cells(ceiling.less(baseline, RARE_F1)._asdict(), "value", "ceiling_less_baseline", 3)
        | result.number_cells
        | {"ceiling_seeds": ceiling.seeds, "reason": NO_REASON if share.value is not None else NO_GAP}
    )
