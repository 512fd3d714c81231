"""Write tables and figures of the normalisers that are compared."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.report.stain.tables import read_normalizer_results
from hemabalance.report.stain.write import FittedNormalizer, StainReport, write_stain_report
from hemabalance.stage import stage
from hemabalance.stain.data import open_pair
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, settings = snakemake.input, run.settings
    metrics, training, weights, histories = (
        [Path(path) for path in inputs.get(name, [])] for name in ("metrics", "training", "weights", "histories")
    )
    report = StainReport(
        results=read_normalizer_results(normalizers=settings["normalizers"], metrics=metrics, training=training),
        fitted=[FittedNormalizer.from_plain(*pair) for pair in zip(settings["changing"], weights, strict=True)],
        histories=dict(zip(settings["trained"], histories, strict=True)),
        images=open_pair(settings["pair"], images=inputs.images, indexes=inputs.indexes, stack=stack),
        split=read_split(Path(inputs.split)),
        protocol=settings["protocol"],
        preset=settings["preset"],
    )
    out = {name: Path(path) for name, path in snakemake.output.items()}
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    write_stain_report(report, out=out, runtime=runtime, threads=run.threads)
