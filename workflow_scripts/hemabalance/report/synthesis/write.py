"""Write all tables and figures of the generators that are compared under one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.tables import read_table
from hemabalance.protocols import Protocol
from hemabalance.report.cells import write_csv
from hemabalance.report.losses import losses_figure, read_history
from hemabalance.report.synthesis.agreement import agreement_figure
from hemabalance.report.synthesis.gate import gate_figure
from hemabalance.report.synthesis.generator_results import GeneratorResult
from hemabalance.report.synthesis.pairs import pairs_figure
from hemabalance.report.synthesis.samples import sample_sheet, training_strips
from hemabalance.report.synthesis.tables import synthesis_tables
from hemabalance.synthesis.gate_table import SCHEMA


@dataclass(frozen=True)
class GeneratorFiles:
    """Files of one generator.

    Attributes:
        images, index: image set of all draws.
        gate: table of the results of the gate for each draw.
        neighbours: table of images with their nearest training image.
        snapshots, snapshot_index: image set of snapshots during training.
        history: history of losses.
    """

    images: Path
    index: Path
    gate: Path
    neighbours: Path
    snapshots: Path
    snapshot_index: Path
    history: Path


def write_synthesis_report(
    *,
    generators: Sequence[tuple[GeneratorResult, GeneratorFiles]],
    real_images: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    preset: str,
    out: Mapping[str, Path],
    threads: int,
) -> None:
    """Write the tables of results, and the figures of generated images, trainings and gates.

    Args:
        generators: results and files of each generator, at least one.
        real_images: normalised real images that the generators learned from.
        split: split of the protocol.
        protocol: decides which real images are held back.
        preset: of the run; only the thesis's tables have the values that it reports.
        out: `table_<name>` for each of `tables.synthesis_tables` -> CSV to write; `gate`, `losses`, and
            `<sheet, strips, agreement or pairs>_<generator>` for each -> SVG to write.
        threads: number of decoding threads.

    Raises:
        InputError: a file is missing or damaged, or the disk is full.
    """
    for name, table in synthesis_tables([result for result, _ in generators], preset).items():
        write_csv(table, out[f"table_{name}"])
    gates = {result.heading: read_table(files.gate, SCHEMA) for result, files in generators}
    gate_figure(gates, out["gate"])
    losses_figure({result.heading: read_history(files.history) for result, files in generators}, out["losses"])
    for result, files in generators:
        agreement_figure(result, out[f"agreement_{result.name}"])
        with ImageSet(files.snapshots, files.snapshot_index) as snapshots:
            training_strips(snapshots, out[f"strips_{result.name}"], heading=result.heading)
        with ImageSet(files.images, files.index) as generated_images:
            path, gate = out[f"sheet_{result.name}"], gates[result.heading]
            sample_sheet(
                generated_images,
                gate,
                real_images,
                split,
                path,
                protocol=protocol,
                heading=result.heading,
                threads=threads,
            )
            neighbours = pd.read_parquet(files.neighbours)
            pairs_figure(generated_images, real_images, neighbours, out[f"pairs_{result.name}"], heading=result.heading)
