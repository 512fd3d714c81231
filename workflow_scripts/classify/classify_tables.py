"""Table what was measured of classifiers, and answer the question that the page opens with."""

from pathlib import Path

from hemabalance.report.classify.compared import read_compared
from hemabalance.report.classify.experiments import experiment_tables
from hemabalance.report.classify.scored import read_scored
from hemabalance.stage import stage

with stage(snakemake) as run:
    wanted = run.settings
    metrics, training, comparisons, yardsticks = (
        [Path(path) for path in snakemake.input[name]] for name in ("metrics", "training", "comparisons", "yardsticks")
    )
    experiment_tables(
        read_scored(wanted["experiments"], metrics, training),
        read_compared(wanted["protocols"], comparisons),
        yardsticks,
        wanted["ablations"],
        wanted["question"],
        {name: Path(path) for name, path in snakemake.output.items()},
    )
