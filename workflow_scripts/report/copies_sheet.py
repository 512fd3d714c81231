"""Draw each image that was set aside as a copy beside the one it copies."""

from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.manifest import read_manifest
from hemabalance.report.sheets import copies_sheet
from hemabalance.stage import stage

with stage(snakemake), ExitStack() as stack:
    given = snakemake.input
    manifest = pd.concat([read_manifest(Path(path)) for path in given.manifests], ignore_index=True)
    pairs = zip(given.images, given.indexes, strict=True)
    sets = [stack.enter_context(ImageSet(Path(images), Path(index))) for images, index in pairs]
    copies_sheet(manifest, sets, Path(snakemake.output.figure))
