"""Write tables, comparisons and figures of the balanced sets and classifiers of a page."""

from pathlib import Path

from hemabalance.dataset.imageset import open_sets
from hemabalance.report.classify.write import ClassifierFiles, ClassifierPage, write_classify_report
from hemabalance.stage import stage

KINDS = (
    "audits", "metrics", "training", "predictions", "expert_agreements", "histories", "synthetic", "real_training",
    "recommended", "thesis",
)  # fmt: skip

with (
    stage(snakemake) as run,
    open_sets(names=run.settings["sets"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
):
    write_classify_report(
        ClassifierPage(**run.settings["page"]),
        files=ClassifierFiles(*([Path(path) for path in snakemake.input[name]] for name in KINDS)),
        sets=sets,
        out={name: Path(path) for name, path in snakemake.output.items()},
        seed=run.settings["seed"],
    )
