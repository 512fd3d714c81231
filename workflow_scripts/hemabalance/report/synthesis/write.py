"""All tables and figures of the generators that are compared under one protocol."""

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
class Drawn:
    """Files of one generator.

    Attributes:
        images, index: all draws, an image set.
        gate: what the gate said of each draw.
        neighbours: the training image nearest to each of some.
        snapshots, snapshot_index: images along the training, an image set.
        history: its losses.
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
    generators: Sequence[tuple[GeneratorResult, Drawn]],
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    out: Mapping[str, Path],
    threads: int,
) -> None:
    """Table what was measured of generators, and draw their images, trainings and gates.

    Args:
        generators: at least one.
        held: the normalised real images that all of them learned from.
        split: of the protocol.
        protocol: decides which real images are held back.
        out: `table_<name>` for each of `tables.synthesis_tables` -> CSV to write; `gate`, `losses`, and
            `<sheet, strips, agreement or pairs>_<generator>` for each -> SVG to write.
        threads: decoders at once.

    Raises:
        InputError: a file is missing or damaged, or the disk is full.
    """
    for name, table in synthesis_tables([one for one, _ in generators]).items():
        write_csv(table, out[f"table_{name}"])
    gates = {one.heading: read_table(files.gate, SCHEMA) for one, files in generators}
    gate_figure(gates, out["gate"])
    losses_figure({one.heading: read_history(files.history) for one, files in generators}, out["losses"])
    for one, files in generators:
        agreement_figure(one, out[f"agreement_{one.name}"])
        with ImageSet(files.snapshots, files.snapshot_index) as snapshots:
            training_strips(snapshots, out[f"strips_{one.name}"], of=one.heading)
        with ImageSet(files.images, files.index) as made:
            path, gate = out[f"sheet_{one.name}"], gates[one.heading]
            sample_sheet(made, gate, held, split, path, protocol=protocol, of=one.heading, threads=threads)
            neighbours = pd.read_parquet(files.neighbours)
            pairs_figure(made, held, neighbours, out[f"pairs_{one.name}"], of=one.heading)
