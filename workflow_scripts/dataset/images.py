"""Write a source's photographs at the working size: those kept, and those set aside as copies."""

from pathlib import Path

from hemabalance.dataset.manifest_table import COPIES, read_manifest
from hemabalance.sources.archives import Limits
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.prepare import prepare_images
from hemabalance.stage import stage

with stage(snakemake) as run:
    manifest = read_manifest(Path(snakemake.input.manifest))
    out = snakemake.output
    for statuses, zip_path, index in ((["kept"], out.kept, out.kept_index), (COPIES, out.copies, out.copies_index)):
        prepare_images(
            Path(snakemake.input.archive),
            manifest[manifest["status"].isin(statuses)],
            Path(zip_path),
            Path(index),
            limits=Limits(**run.settings["limits"]),
            pixels=PixelLimits(**run.settings["pixels"]),
            field=run.settings["field"],
            threads=run.threads,
            **run.settings["images"],
        )
