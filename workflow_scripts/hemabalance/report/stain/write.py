"""All tables and figures of the normalisers that are compared under one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.protocols import Protocol
from hemabalance.report.cells import write_csv
from hemabalance.report.losses import losses_figure, read_history
from hemabalance.report.stain.figures import stain_methods, stain_rows
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.report.stain.probes import audit_figure
from hemabalance.report.stain.tables import stain_tables
from hemabalance.stain.data import DomainImageSets, size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class Fitted:
    """A normaliser that changes images, on disk.

    Attributes:
        name: in config.
        spec: its method and settings.
        weights: its file.
    """

    name: str
    spec: NormalizerSpec
    weights: Path

    @classmethod
    def of(cls, known: Mapping[str, Any], weights: Path) -> "Fitted":
        """By `name` and `normalizer` as rules tell them, and its file."""
        return cls(known["name"], NormalizerSpec.of(known["normalizer"]), weights)


def write_stain_report(
    *,
    measured: Sequence[NormalizerResult],
    fitted: Sequence[Fitted],
    histories: Mapping[str, Path],
    sets: DomainImageSets,
    split: pd.DataFrame,
    protocol: Protocol,
    out: Mapping[str, Path],
    runtime: Runtime,
    threads: int,
) -> None:
    """Table what was measured, draw the losses, and let each normaliser map some images to be looked at.

    Args:
        measured: of all normalisers that are compared.
        fitted: those of them that change images.
        histories: name of one that is trained by steps -> its `history.jsonl`.
        sets: the prepared images of both sources.
        split: of the protocol.
        protocol: decides which images are held back.
        out: `table_<name>` for each of `tables.stain_tables` -> CSV to write; `audit`, `losses`, `methods`, and
            `rows_<name>` for each of `fitted` -> SVG to write.
        runtime: where networks run.
        threads: decoders at once.

    Raises:
        InputError: weights or images are missing, damaged or others, or the disk is full.
    """
    for name, table in stain_tables(measured).items():
        write_csv(table, out[f"table_{name}"])
    audit_figure(measured, out["audit"])
    losses_figure({name: read_history(path) for name, path in histories.items()}, out["losses"])
    size = size_of(sets)
    opened = {one.name: open_normalizer(one.spec, one.weights, size=size, runtime=runtime) for one in fitted}
    for one in fitted:
        path, normalizer = out[f"rows_{one.name}"], opened[one.name]
        stain_rows(one.spec.traits, normalizer, sets, split, path, protocol=protocol, threads=threads)
    stain_methods(opened, sets, split, out["methods"], protocol=protocol, threads=threads)
