"""Put beside a model's weights all that predicting with it needs, and its card."""

from pathlib import Path

from hemabalance.classify.bundle import Frame, Origin, stain_of
from hemabalance.classify.pack import pack
from hemabalance.dataset.imageset import open_sets
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    given, wanted, model = snakemake.input, run.settings, Path(snakemake.output.model)
    pack(
        model.parent,
        Origin(**wanted["origin"]),
        Frame(**wanted["frame"]),
        Limits(**wanted["limits"]),
        stain_of(**wanted["stain"], weights=Path(given.stain), model=model),
        load_catalogue(Path(given.catalogue)),
        Path(given.table),
        sets,
        start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads),
        rendered=wanted["rendered"],
        quantile=wanted["quantile"],
        threads=run.threads,
    )
