"""Evaluate a trained classifier on real test images, and write model.json."""

from pathlib import Path

from hemabalance.classify.evaluate_model import EvaluationData, evaluate_model
from hemabalance.classify.model_file import Deployment, TrainingOrigin, frame_of, stain_of
from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.scale import read_sizes
from hemabalance.dataset.splits import read_split
from hemabalance.files import named_paths
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage
from hemabalance.training.device import start

with (
    stage(snakemake) as run,
    open_sets(names=run.settings["sets"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
    open_sets(
        names=run.settings["originals"], zips=snakemake.input.originals, indexes=snakemake.input.original_indexes
    ) as originals,
):
    inputs, settings, model = snakemake.input, run.settings, Path(snakemake.output.model)
    evaluate_model(
        folder=model.parent,
        deployment=Deployment(
            origin=TrainingOrigin(**settings["origin"]), limits=Limits(**settings["limits"]),
            frame=frame_of(**settings["frame"], resolved=inputs.fields),
            stain=stain_of(**settings["stain"], weights=named_paths(settings["mapped"], inputs.stain), model=model),
            sources=load_catalogue(Path(inputs.catalogue)), grouped=settings["grouped"], rendered=settings["rendered"],
        ),
        data=EvaluationData(
            balanced=Path(inputs.table), sets=sets, classes=tuple(settings["classes"]), experts=settings["experts"],
            manifests=named_paths(settings["experts"], inputs.manifests), split=read_split(Path(inputs.split)),
            inventories=named_paths(settings["merging"], inputs.inventories),
            sizes=read_sizes(named_paths(sorted(settings["frame"]["fields"]), inputs.sizes)), originals=originals,
        ),
        runtime=start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads),
        quantile=settings["quantile"], resample_seed=settings["seed"], threads=run.threads,
    )  # fmt: skip
