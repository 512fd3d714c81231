"""Draw what was measured of classifiers, side by side."""

from pathlib import Path

from hemabalance.report.classify.compared import read_compared
from hemabalance.report.classify.experiments import experiment_figures
from hemabalance.report.classify.scored import read_scored
from hemabalance.stage import stage

with stage(snakemake) as run:
    wanted = run.settings
    metrics, training, comparisons, histories = (
        [Path(path) for path in snakemake.input[name]] for name in ("metrics", "training", "comparisons", "histories")
    )
    experiment_figures(
        read_scored(wanted["experiments"], metrics, training),
        read_compared(wanted["protocols"], comparisons),
        histories,
        wanted["ablations"],
        wanted["question"],
        {name: Path(path) for name, path in snakemake.output.items()},
    )
