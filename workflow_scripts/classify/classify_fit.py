"""Train one model on one balanced set."""

from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.fit import ModelConfig, fit_model
from hemabalance.classify.method import ModelSpec
from hemabalance.dataset.imageset import open_sets
from hemabalance.stage import stage
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with (
    stage(snakemake) as run,
    open_sets(names=run.settings["sets"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
):
    out, settings = snakemake.output, run.settings
    seed = settings["seed"] + settings["training"]
    runtime = start(**run.device, precision=settings["precision"], seed=seed, threads=run.threads)
    fit_model(
        model_config=ModelConfig(
            model=ModelSpec.from_plain(settings["model"]), size=settings["size"], classes=tuple(settings["classes"])
        ),
        rows=read_balanced(Path(snakemake.input.table)),
        sets=sets,
        job=FitJob(runtime, state=run.state, history=Path(out.history), threads=run.threads, seed=seed),
        weights=Path(out.weights),
        training=Path(out.training),
    )
