"""Let a trained classifier see the real test images, measure what it says, and make it usable without the workflow."""

from pathlib import Path

from hemabalance.classify.finish import finish_model
from hemabalance.classify.model_file import Frame, TrainingOrigin, stain_of
from hemabalance.dataset.imageset import open_sets
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    inputs, settings, model = snakemake.input, run.settings, Path(snakemake.output.model)
    finish_model(
        folder=model.parent,
        balanced=Path(inputs.table),
        sets=sets,
        runtime=start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads),
        quantile=settings["quantile"],
        manifest=Path(inputs.manifest),
        taxonomy=settings["taxonomy"],
        origin=TrainingOrigin(**settings["origin"]),
        frame=Frame(**settings["frame"]),
        limits=Limits(**settings["limits"]),
        stain=stain_of(**settings["stain"], weights=Path(inputs.stain), model=model),
        sources=load_catalogue(Path(inputs.catalogue)),
        rendered=settings["rendered"],
        resample_seed=settings["seed"],
        threads=run.threads,
    )
