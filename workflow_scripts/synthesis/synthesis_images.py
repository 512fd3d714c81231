"""Draw images of each class with one generator, and pass them by the gate."""

from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.entry import Entry
from hemabalance.synthesis.judges import open_judges
from hemabalance.synthesis.make import ImageRequest, Paths, make_images
from hemabalance.synthesis.reals import read_reals
from hemabalance.training.device import start

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    make_images(
        wanted["name"],
        Entry.of(wanted["generator"]),
        Path(given.weights),
        held,
        read_split(Path(given.split)),
        wanted["protocol"],
        RolesConfig.of(wanted["roles"]),
        read_reals(Path(given.real), Path(given.real_features)),
        open_judges(Path(given.inception), Path(given.lpips), Path(given.judge), runtime=runtime),
        ImageRequest.of(wanted["request"]),
        Paths(*(Path(path) for path in (out.images, out.index, out.gate, out.summary, out.features, out.seen))),
        runtime=runtime,
        threads=run.threads,
    )
