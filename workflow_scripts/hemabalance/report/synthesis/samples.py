"""Figures of generated images beside real ones (thesis Fig. 47), and during training (Figs. 48 to 50)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import HELD_BACK
from hemabalance.protocols import Protocol, rules_of
from hemabalance.report.sheets import draw_frames, draw_strip, figure_heading, strip_headings, strip_rows
from hemabalance.report.style import save_figure
from hemabalance.report.synthesis.generator_results import NO_CLASS
from hemabalance.synthesis.data import part_rows, real_images, smallest_draws, training_rows

_COLUMNS = 10
_CELL = 0.85  # inches
_POINTS = 9  # steps per training, as in the thesis
_LATENTS = 2  # per class


def sample_sheet(
    generated_images: ImageSet,
    gate: pd.DataFrame,
    reference_images: ImageSet,
    split: pd.DataFrame,
    path: Path,
    *,
    protocol: Protocol,
    heading: str,
    threads: int,
) -> None:
    """Draw ten real images, the first ten draws (accepted or not), and the first ten accepted draws of each class.

    Args:
        generated_images: all draws of a generator.
        gate: one row per draw, `image_id, label, index, accepted`.
        held_images: normalised real images.
        split: split of the protocol.
        path: SVG to write.
        protocol: decides which real images are held back; classes without held-back images show training images.
        heading: generator and normaliser.
        threads: number of decoding threads.
    """
    classes = sorted(set(gate["label"]))
    size = int(generated_images.index["height"].iloc[0]) if classes else 0
    figure, axes = strip_rows(3 * len(classes), _COLUMNS, _CELL)
    for index, label in enumerate(classes):
        real, origin = _real_images(reference_images, split, label, size, protocol, threads)
        draws_of_class = gate[gate["label"] == label].sort_values("index")
        first_draws, accepted_draws = draws_of_class.head(_COLUMNS), draws_of_class[draws_of_class["accepted"]]
        axes_of_class = axes[3 * index : 3 * index + 3]
        draw_strip(axes_of_class[0], real, f"{_label_text(label)}\n{origin}", _COLUMNS, bold=True)
        draw_strip(axes_of_class[1], _load_images(generated_images, first_draws["image_id"]), "first draws", _COLUMNS)
        draw_frames(axes_of_class[1], np.flatnonzero(~first_draws["accepted"].to_numpy()), size)
        draw_strip(
            axes_of_class[2],
            _load_images(generated_images, accepted_draws["image_id"].head(_COLUMNS)),
            f"accepted\n{len(accepted_draws)} of {len(draws_of_class)}",
            _COLUMNS,
        )
    if classes:
        figure_heading(figure, f"{heading}, {size} px. Framed: draws that the gate refused")
    else:
        axes[0].text(0, 0.5, NO_CLASS, transform=axes[0].transAxes, va="center")
    save_figure(figure, path)


def _real_images(
    reference_images: ImageSet, split: pd.DataFrame, label: str, size: int, protocol: Protocol, threads: int
) -> tuple[list[np.ndarray], str]:
    rows, origin = part_rows(split, HELD_BACK[rules_of(protocol)], [label]), "real, held back"
    if rows.empty:
        rows, origin = training_rows(split, protocol, [label]), "real, from training"
    return list(real_images(reference_images, smallest_draws(rows, _COLUMNS), size, threads=threads).pixels), origin


def _load_images(images: ImageSet, image_ids: pd.Series) -> list[np.ndarray]:
    return [images.read(int(position)) for position in pd.Index(images.index["image_id"]).get_indexer(image_ids)]


def training_strips(snapshots: ImageSet, path: Path, *, heading: str) -> None:
    """Draw images of fixed latents during training, one row per latent and two latents per class.

    Args:
        snapshots: image set written by `synthesis.snapshots`.
        path: SVG to write.
        heading: generator and normaliser.
    """
    notes = snapshots.index["provenance"].map(json.loads)
    index = snapshots.index.assign(
        step=notes.map(lambda note: note["step"]), latent=notes.map(lambda note: note["index"])
    )
    steps = _evenly_spaced(sorted(set(index["step"].tolist())))
    shown = index[index["step"].isin(steps) & (index["latent"] < _LATENTS)].sort_values(["latent", "step"])
    classes = sorted(set(shown["label"]))
    figure_rows = [(label, latent) for label in classes for latent in sorted(set(shown["latent"]))]
    figure, axes = strip_rows(len(figure_rows), max(len(steps), 3), _CELL)
    for axis, (label, latent) in zip(axes, figure_rows, strict=False):
        snapshots_shown = shown[(shown["label"] == label) & (shown["latent"] == latent)]
        draw_strip(
            axis,
            [snapshots.read(int(position)) for position in snapshots_shown.index],
            _label_text(label) if not latent else "",
            len(steps),
        )
    if figure_rows:
        strip_headings(axes[0], [f"{step:,}" for step in steps])
        figure_heading(figure, f"{heading}: the same latents by steps of training")
    else:
        axes[0].text(0, 0.5, "no images were kept during this training", transform=axes[0].transAxes, va="center")
    save_figure(figure, path)


def _evenly_spaced(steps: Sequence[int]) -> list[int]:
    """At most nine evenly spaced steps, including the first and the last."""
    if len(steps) <= _POINTS:
        return list(steps)
    return [steps[position] for position in np.linspace(0, len(steps) - 1, _POINTS).round().astype(int)]


def _label_text(label: str) -> str:
    return label.replace("_", " ")
