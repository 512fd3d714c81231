"""Write tables and figures of the generators that are compared."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.report.synthesis.generator_results import read_generator_results
from hemabalance.report.synthesis.write import GeneratorFiles, write_synthesis_report
from hemabalance.stage import stage

KINDS = ("drawn", "drawn_indexes", "gates", "neighbours", "snapshots", "snapshot_indexes", "histories")

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as real_images:
    inputs, settings = snakemake.input, run.settings
    metrics, training, gates, *files = (
        [Path(path) for path in inputs[name]] for name in ("metrics", "training", "summaries", *KINDS)
    )
    results = read_generator_results(generators=settings["generators"], metrics=metrics, training=training, gates=gates)
    write_synthesis_report(
        generators=[(result, GeneratorFiles(*paths)) for result, *paths in zip(results, *files, strict=True)],
        real_images=real_images,
        split=read_split(Path(inputs.split)),
        protocol=settings["protocol"],
        preset=settings["preset"],
        out={name: Path(path) for name, path in snakemake.output.items()},
        threads=run.threads,
    )
