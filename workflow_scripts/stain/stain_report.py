"""Table and draw what the normalisers that are compared do."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.report.stain.tables import read_normalizer_results
from hemabalance.report.stain.write import Fitted, write_stain_report
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    given, wanted = snakemake.input, run.settings
    metrics, training, weights, histories = (
        [Path(path) for path in given.get(name, [])] for name in ("metrics", "training", "weights", "histories")
    )
    write_stain_report(
        measured=read_normalizer_results(wanted["normalizers"], metrics, training),
        fitted=[Fitted.of(one, path) for one, path in zip(wanted["changing"], weights, strict=True)],
        histories=dict(zip(wanted["trained"], histories, strict=True)),
        sets=open_sets(given.images, given.indexes, stack),
        split=read_split(Path(given.split)),
        protocol=wanted["protocol"],
        out={name: Path(path) for name, path in snakemake.output.items()},
        runtime=start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads),
        threads=run.threads,
    )
