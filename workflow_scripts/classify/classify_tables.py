"""Table what was measured of classifiers, and answer the question that the page opens with."""

from pathlib import Path

from hemabalance.report.classify.classifier_results import read_classifier_results
from hemabalance.report.classify.comparison_results import read_comparison_results
from hemabalance.report.classify.experiments import experiment_tables
from hemabalance.stage import stage

with stage(snakemake) as run:
    settings = run.settings
    metrics, training, comparisons, expert_agreements = (
        [Path(path) for path in snakemake.input[name]]
        for name in ("metrics", "training", "comparisons", "expert_agreements")
    )
    experiment_tables(
        read_classifier_results(settings["experiments"], metrics, training),
        read_comparison_results(settings["protocols"], comparisons),
        expert_agreements,
        settings["ablations"],
        settings["question"],
        {name: Path(path) for name, path in snakemake.output.items()},
    )
