"""Put beside a model's weights all that predicting with it needs, and its card."""

from pathlib import Path

from hemabalance.classify.bundle import Frame, Origin, stain_of
from hemabalance.classify.pack import pack
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.stage import stage

with stage(snakemake) as run:
    given, wanted, model = snakemake.input, run.settings, Path(snakemake.output.model)
    pack(
        model.parent,
        Origin(**wanted["origin"]),
        Frame(**wanted["frame"]),
        Limits(**wanted["limits"]),
        stain_of(**wanted["stain"], weights=Path(given.stain), model=model),
        load_catalogue(Path(given.catalogue)),
        Path(given.table),
        rendered=wanted["rendered"],
    )
