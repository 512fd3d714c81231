"""Let a trained classifier see the real test images, measure what it says, and make it usable without the workflow."""

from pathlib import Path

from hemabalance.classify.model_file import Frame, Origin, stain_of
from hemabalance.classify.finish import finish_model
from hemabalance.dataset.imageset import open_sets
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    given, wanted, model = snakemake.input, run.settings, Path(snakemake.output.model)
    finish_model(
        folder=model.parent,
        balanced=Path(given.table),
        sets=sets,
        runtime=start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads),
        quantile=wanted["quantile"],
        manifest=Path(given.manifest),
        taxonomy=wanted["taxonomy"],
        origin=Origin(**wanted["origin"]),
        frame=Frame(**wanted["frame"]),
        limits=Limits(**wanted["limits"]),
        stain=stain_of(**wanted["stain"], weights=Path(given.stain), model=model),
        sources=load_catalogue(Path(given.catalogue)),
        rendered=wanted["rendered"],
        draw=wanted["seed"],
        threads=run.threads,
    )
