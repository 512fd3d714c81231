"""Write a source's photographs at the working size: the kept images, and the images set aside as copies."""

from pathlib import Path

from hemabalance.bookkeeping.plain_paths import users_path
from hemabalance.dataset.fields import numbers_of
from hemabalance.dataset.manifest_table import COPIES, read_manifest
from hemabalance.sources.archives import Limits
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.prepare import ImagePreparation, prepare_images
from hemabalance.stage import stage

with stage(snakemake) as run:
    source, field = run.settings["source"], run.settings["field"]
    manifest = read_manifest(Path(snakemake.input.manifest))
    preparation = ImagePreparation(
        limits=Limits(**run.settings["limits"]),
        pixels=PixelLimits(**run.settings["pixels"]),
        field=numbers_of({source: field}, snakemake.input.fields)[source],
        **run.settings["images"],
    )
    out = snakemake.output
    for statuses, zip_path, index in ((["kept"], out.kept, out.kept_index), (COPIES, out.copies, out.copies_index)):
        prepare_images(
            archive_path=users_path(snakemake.input.archive),
            manifest=manifest[manifest["status"].isin(statuses)],
            zip_path=Path(zip_path),
            index_path=Path(index),
            preparation=preparation,
            threads=run.threads,
        )
