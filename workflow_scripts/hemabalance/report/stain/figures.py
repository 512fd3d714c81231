"""Images before and after normalisation: rows of each normaliser (thesis Figs. 41 to 46), and all side by side."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hemabalance.classes import UNLABELLED
from hemabalance.protocols import Protocol
from hemabalance.report.sheets import hide_axes, image_strip, strip_headings, thumbnails
from hemabalance.report.style import save_figure
from hemabalance.stain.data import PairImages, decode_domain, evaluation_rows
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, Pair
from hemabalance.stain.views import View, map_images

_EXAMPLES = 3
_CELL = 1.15  # inches
_COLUMN_HEADINGS = ("real", "normalised", "reconstructed")


def picture_rows(split: pd.DataFrame, pair: Pair, protocol: Protocol, *, each: int) -> pd.DataFrame:
    """The images with the smallest draws of each source and shared class; held-back images if the protocol has any.

    Args:
        split: split of the protocol.
        pair: the two sources.
        protocol: decides which images are held back.
        each: maximal number of images per source and class.
    """
    rows = evaluation_rows(split, pair, protocol, max_images=len(split)).sort_values(["draw", "image_id"])
    return rows.groupby(["source", "label"]).head(each).sort_values(["source", "image_id"], ignore_index=True)


def stain_rows(
    traits: NormalizerTraits,
    normalizer: Normalizer,
    images: PairImages,
    split: pd.DataFrame,
    path: Path,
    *,
    protocol: Protocol,
    threads: int,
) -> None:
    """Draw three images of each shared class in both directions: real, normalised, reconstructed.

    Args:
        traits: traits of the method; without an inverse, the third place is empty and says so.
        normalizer: fitted normaliser.
        images: prepared images of the pair.
        split: split of the protocol.
        path: SVG to write.
        protocol: decides which images are held back.
        threads: number of decoding threads.
    """
    rows = picture_rows(split, images.pair, protocol, each=_EXAMPLES)
    views = map_images(images, rows, normalizer, invertible=traits.invertible, threads=threads)
    figure_rows = [(label, domain) for label in _classes(rows) for domain in reversed(DOMAINS)]
    figure, axes = _grid(len(figure_rows), _EXAMPLES, (_CELL * 9 + 1.8, _CELL * len(figure_rows) + 0.6), rows)
    for row_axes, (label, domain) in zip(axes, figure_rows, strict=False):
        _draw_row(row_axes, label, domain, views.by_domain[domain])
    for axis in axes[0]:
        strip_headings(axis, _COLUMN_HEADINGS)
    save_figure(figure, path)


def _draw_row(row_axes: np.ndarray, label: str, domain: Domain, view: View) -> None:
    direction = "B → A" if domain == "b" else "A → B"
    row_axes[0].set_ylabel(f"{_shown(label)}\n{direction}", rotation=0, ha="right", va="center")
    indices = view.rows[view.rows["label"] == label].sort_values(["draw", "image_id"]).index
    for axis, index in zip(row_axes, indices, strict=False):
        tiles = [view.real[index], view.mapped[index]]
        if view.reconstructed is not None:
            tiles.append(view.reconstructed[index])
        else:
            axis.text(5 / 6, 0.5, "no inverse", transform=axis.transAxes, ha="center", va="center", color="#777777")
        axis.imshow(image_strip(thumbnails(tiles), len(_COLUMN_HEADINGS)), interpolation="none")
    if not len(indices):
        row_axes[0].text(0, 0.5, "no such image", transform=row_axes[0].transAxes, va="center", color="#777777")


def stain_methods(
    normalizers: Mapping[str, Normalizer],
    images: PairImages,
    split: pd.DataFrame,
    path: Path,
    *,
    protocol: Protocol,
    threads: int,
) -> None:
    """Draw one image of source B per class, original and mapped to A by each normaliser, beside a real image of A.

    Args:
        normalizers: name -> fitted normaliser.
        images: prepared images of the pair.
        split: split of the protocol.
        path: SVG to write.
        protocol: decides which images are held back.
        threads: number of decoding threads.
    """
    rows = picture_rows(split, images.pair, protocol, each=1)
    rows_a, real_a = decode_domain(images, rows, "a", threads=threads)
    rows_b, real_b = decode_domain(images, rows, "b", threads=threads)
    labels_b = rows_b["label"]
    columns = {
        "real A": dict(zip(rows_a["label"], real_a, strict=True)),
        "real B": dict(zip(labels_b, real_b, strict=True)),
    }
    for name, normalizer in normalizers.items():
        columns[name] = dict(zip(labels_b, normalizer.transform(real_b, to="a").pixels, strict=True))
    blank = np.full(real_b.shape[1:], 255, np.uint8)
    labels = _classes(rows)
    figure, axes = _grid(len(labels), 1, (_CELL * len(columns) + 1.8, _CELL * len(labels) + 0.6), rows)
    for axis, label in zip(axes[:, 0], labels, strict=False):
        axis.imshow(
            image_strip(
                thumbnails([tiles_by_label.get(label, blank) for tiles_by_label in columns.values()]), len(columns)
            ),
            interpolation="none",
        )
        axis.set_ylabel(_shown(label), rotation=0, ha="right", va="center")
    strip_headings(axes[0, 0], list(columns))
    save_figure(figure, path)


def _classes(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["label"].unique())


def _shown(label: str) -> str:
    return "all images" if label == UNLABELLED else label.replace("_", " ")


def _grid(rows: int, columns: int, size: tuple[float, float], shown_rows: pd.DataFrame) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=size, layout="constrained")
    axes: np.ndarray = figure.subplots(max(rows, 1), columns, squeeze=False)
    for axis in axes.flat:
        hide_axes(axis)
    heading = "no image is held back"
    if len(shown_rows):
        no_held_back = "images seen in training: this protocol holds none back"
        heading = "held-back images" if shown_rows["held_back"].all() else no_held_back
    figure.suptitle(heading, x=0.01, ha="left", fontsize=9, color="#55555f")
    return figure, axes
