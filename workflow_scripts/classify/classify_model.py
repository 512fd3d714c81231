"""Put beside a model's weights all that predicting with it needs, and its card."""

from pathlib import Path

from hemabalance.classify.model_file import Frame, TrainingOrigin, stain_of
from hemabalance.classify.model_folder import write_model_folder
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage

with stage(snakemake) as run:
    inputs, settings, model = snakemake.input, run.settings, Path(snakemake.output.model)
    write_model_folder(
        model.parent,
        TrainingOrigin(**settings["origin"]),
        Frame(**settings["frame"]),
        Limits(**settings["limits"]),
        stain_of(**settings["stain"], weights=Path(inputs.stain), model=model),
        load_catalogue(Path(inputs.catalogue)),
        Path(inputs.table),
        rendered=settings["rendered"],
    )
