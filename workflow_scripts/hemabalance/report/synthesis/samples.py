"""Pictures that generators make: beside real ones (thesis Fig. 47), and along training (Figs. 48 to 50)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import HELD_BACK
from hemabalance.protocols import Protocol
from hemabalance.report.sheets import bare, frame, headline, heads, small, strip
from hemabalance.report.style import save_figure
from hemabalance.synthesis.data import part_rows, real_images, smallest_draws, training_rows
from hemabalance.taxonomy import CLASSES

_COLUMNS = 10
_CELL = 0.85  # inches
_POINTS = 9  # of a training, as in the thesis
_LATENTS = 2  # of a class


def sample_sheet(
    made: ImageSet,
    gate: pd.DataFrame,
    held: ImageSet,
    split: pd.DataFrame,
    path: Path,
    *,
    protocol: Protocol,
    of: str,
    threads: int,
) -> None:
    """Draw of each class ten real images, the first ten draws whatever the gate said, and the first ten it accepted.

    Args:
        made: all draws of a generator.
        gate: a row a draw, `image_id, label, index, accepted`.
        held: the normalised real images.
        split: of the protocol.
        path: SVG to write.
        protocol: decides which real images are held back; a class of which none is shows training images.
        of: generator and normaliser, for the heading.
        threads: decoders at once.
    """
    size = int(made.index["height"].iloc[0])
    classes = [label for label in CLASSES if (gate["label"] == label).any()]
    figure, axes = _grid(3 * len(classes), _COLUMNS)
    for place, label in enumerate(classes):
        real, whose = _real(held, split, label, size, protocol, threads)
        drawn = gate[gate["label"] == label].sort_values("index")
        first, passed = drawn.head(_COLUMNS), drawn[drawn["accepted"]]
        lines = axes[3 * place : 3 * place + 3]
        _line(lines[0], real, f"{_spaced(label)}\n{whose}", bold=True)
        _line(lines[1], _pictures(made, first["image_id"]), "as drawn")
        frame(lines[1], np.flatnonzero(~first["accepted"].to_numpy()), size)
        _line(lines[2], _pictures(made, passed["image_id"].head(_COLUMNS)), f"accepted\n{len(passed)} of {len(drawn)}")
    headline(figure, f"{of}, {size} px. As drawn: the first draws, framed those that the gate refused")
    save_figure(figure, path)


def _real(
    held: ImageSet, split: pd.DataFrame, label: str, size: int, protocol: Protocol, threads: int
) -> tuple[list[np.ndarray], str]:
    rows, whose = part_rows(split, HELD_BACK[protocol], [label]), "real, held back"
    if rows.empty:
        rows, whose = training_rows(split, protocol, [label]), "real, from training"
    return list(real_images(held, smallest_draws(rows, _COLUMNS), size, threads=threads).pixels), whose


def _pictures(images: ImageSet, image_ids: pd.Series) -> list[np.ndarray]:
    return [images.read(int(at)) for at in pd.Index(images.index["image_id"]).get_indexer(image_ids)]


def training_strips(snapshots: ImageSet, path: Path, *, of: str) -> None:
    """Draw what the same latents gave along a training, a row a latent, two of each class.

    Args:
        snapshots: as `synthesis.snapshots` writes them.
        path: SVG to write.
        of: generator and normaliser, for the heading.
    """
    notes = snapshots.index["provenance"].map(json.loads)
    index = snapshots.index.assign(
        step=notes.map(lambda note: note["step"]), latent=notes.map(lambda note: note["index"])
    )
    steps = _spread(sorted(set(index["step"].tolist())))
    shown = index[index["step"].isin(steps) & (index["latent"] < _LATENTS)].sort_values(["latent", "step"])
    classes = [label for label in CLASSES if (shown["label"] == label).any()]
    lines = [(label, latent) for label in classes for latent in sorted(set(shown["latent"]))]
    figure, axes = _grid(len(lines), max(len(steps), 3))
    for axis, (label, latent) in zip(axes, lines, strict=False):
        mine = shown[(shown["label"] == label) & (shown["latent"] == latent)]
        _line(axis, [snapshots.read(int(at)) for at in mine.index], _spaced(label) if not latent else "", len(steps))
    if lines:
        heads(axes[0], [f"{step:,}" for step in steps])
        headline(figure, f"{of}: the same latents after so many steps of training")
    else:
        axes[0].text(0, 0.5, "no images were kept along this training", transform=axes[0].transAxes, va="center")
    save_figure(figure, path)


def _spread(steps: Sequence[int]) -> list[int]:
    """At most nine of them, the first and the last among them."""
    if len(steps) <= _POINTS:
        return list(steps)
    return [steps[at] for at in np.linspace(0, len(steps) - 1, _POINTS).round().astype(int)]


def _grid(lines: int, columns: int) -> tuple[Figure, np.ndarray]:
    layout = ConstrainedLayoutEngine(h_pad=0.015, hspace=0)
    figure = Figure(figsize=(_CELL * columns + 1.6, _CELL * max(lines, 1) + 0.5), layout=layout)
    axes: np.ndarray = figure.subplots(max(lines, 1), 1, squeeze=False)[:, 0]
    for axis in axes:
        bare(axis)
    return figure, axes


def _line(
    axis: Axes, pictures: Sequence[np.ndarray], words: str, places: int = _COLUMNS, *, bold: bool = False
) -> None:
    axis.set_ylabel(words, rotation=0, ha="right", va="center", fontweight="bold" if bold else "normal", fontsize=8)
    if len(pictures):
        axis.imshow(strip(small(pictures), places), interpolation="none")
    else:
        axis.text(0, 0.5, "none", transform=axis.transAxes, va="center", color="#777777")


def _spaced(label: str) -> str:
    return label.replace("_", " ")
