"""Write all tables and figures of the normalisers that are compared under one protocol."""

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
from hemabalance.stain.data import PairImages, size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class FittedNormalizer:
    """The file of a fitted normaliser that changes images.

    Attributes:
        name: name in config.
        spec: method and settings.
        weights: file of its weights.
    """

    name: str
    spec: NormalizerSpec
    weights: Path

    @classmethod
    def from_plain(cls, settings: Mapping[str, Any], weights: Path) -> "FittedNormalizer":
        """Build from the settings `name` and `normalizer` of a rule, and the file of weights."""
        return cls(settings["name"], NormalizerSpec.from_plain(settings["normalizer"]), weights)


@dataclass(frozen=True)
class StainReport:
    """The inputs of a report on normalisers of one pair of sources under one protocol.

    Attributes:
        results: results of all normalisers that are compared.
        fitted: the normalisers among them that change images.
        histories: name of a normaliser that is trained by steps -> its `history.jsonl`.
        images: prepared images of the pair.
        split: split of the protocol.
        protocol: decides which images are held back.
        preset: of the run, see `tables.stain_tables`.
    """

    results: Sequence[NormalizerResult]
    fitted: Sequence[FittedNormalizer]
    histories: Mapping[str, Path]
    images: PairImages
    split: pd.DataFrame
    protocol: Protocol
    preset: str


def write_stain_report(report: StainReport, *, out: Mapping[str, Path], runtime: Runtime, threads: int) -> None:
    """Write the tables of results, the loss curves, and the figures of normalised images.

    Args:
        report: results and inputs.
        out: `table_<name>` for each of `tables.stain_tables` -> CSV to write; `audit`, `losses`, `methods`, and
            `rows_<name>` for each of `fitted` -> SVG to write.
        runtime: device and precision of networks.
        threads: number of decoding threads.

    Raises:
        InputError: weights or images are missing, damaged or do not belong to the run, or the disk is full.
    """
    for name, table in stain_tables(report.results, report.preset).items():
        write_csv(table, out[f"table_{name}"])
    audit_figure(report.results, out["audit"])
    losses_figure({name: read_history(path) for name, path in report.histories.items()}, out["losses"])
    images, split, protocol = report.images, report.split, report.protocol
    size, normalizers = size_of(images.sets), {}
    for fitted in report.fitted:
        normalizer = open_normalizer(fitted.spec, fitted.weights, size=size, runtime=runtime)
        normalizers[fitted.name], path = normalizer, out[f"rows_{fitted.name}"]
        stain_rows(fitted.spec.traits, normalizer, images, split, path, protocol=protocol, threads=threads)
    stain_methods(normalizers, images, split, out["methods"], protocol=protocol, threads=threads)
