"""Table and draw what the generators that are compared do."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.report.synthesis.generator_results import read_generator_results
from hemabalance.report.synthesis.write import Drawn, write_synthesis_report
from hemabalance.stage import stage

KINDS = ("drawn", "drawn_indexes", "gates", "neighbours", "snapshots", "snapshot_indexes", "histories")

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    given, wanted = snakemake.input, run.settings
    metrics, training, gates, *files = (
        [Path(path) for path in given[name]] for name in ("metrics", "training", "summaries", *KINDS)
    )
    generated = read_generator_results(wanted["generators"], metrics, training, gates)
    write_synthesis_report(
        generators=[(one, Drawn(*paths)) for one, *paths in zip(generated, *files, strict=True)],
        held=held,
        split=read_split(Path(given.split)),
        protocol=wanted["protocol"],
        out={name: Path(path) for name, path in snakemake.output.items()},
        threads=run.threads,
    )
