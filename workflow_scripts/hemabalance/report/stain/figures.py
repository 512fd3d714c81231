"""Pictures of what normalisers do: each method's own rows (thesis Figs. 41 to 46), and all methods side by side."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hemabalance.protocols import Protocol
from hemabalance.report.sheets import bare, heads, small, strip
from hemabalance.report.style import save_figure
from hemabalance.stain.data import DomainImageSets, decode_domain, evaluation_rows
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer
from hemabalance.stain.views import View, map_images
from hemabalance.taxonomy import CLASSES

_EXAMPLES = 3
_CELL = 1.15  # inches
_WORDS = ("real", "normalised", "reconstructed")


def picture_rows(split: pd.DataFrame, protocol: Protocol, *, each: int) -> pd.DataFrame:
    """Of each source and shared class the images with the smallest draws, held back where the protocol holds any.

    Args:
        split: of the protocol.
        protocol: decides what is held back.
        each: at most so many.
    """
    rows = evaluation_rows(split, protocol, max_images=len(split)).sort_values(["draw", "image_id"])
    return rows.groupby(["source", "label"]).head(each).sort_values(["source", "image_id"], ignore_index=True)


def stain_rows(
    traits: NormalizerTraits,
    normalizer: Normalizer,
    sets: DomainImageSets,
    split: pd.DataFrame,
    path: Path,
    *,
    protocol: Protocol,
    threads: int,
) -> None:
    """Draw, for each shared class and both ways, three images: real, normalised, reconstructed.

    Args:
        traits: of its method; where it has no inverse, the third place stays empty and says so.
        normalizer: fitted.
        sets: the prepared images of both sources.
        split: of the protocol.
        path: SVG to write.
        protocol: decides what is held back.
        threads: decoders at once.
    """
    rows = picture_rows(split, protocol, each=_EXAMPLES)
    views = map_images(sets, rows, normalizer, invertible=traits.invertible, threads=threads)
    lines = [(label, domain) for label in _classes(rows) for domain in reversed(DOMAINS)]
    figure, axes = _grid(len(lines), _EXAMPLES, (_CELL * 9 + 1.8, _CELL * len(lines) + 0.6), rows)
    for line, (label, domain) in zip(axes, lines, strict=False):
        _row_of(line, label, domain, views.by_domain[domain])
    for axis in axes[0]:
        heads(axis, _WORDS)
    save_figure(figure, path)


def _row_of(line: np.ndarray, label: str, domain: Domain, view: View) -> None:
    way = "B → A" if domain == "b" else "A → B"
    line[0].set_ylabel(f"{label.replace('_', ' ')}\n{way}", rotation=0, ha="right", va="center")
    places = view.rows[view.rows["label"] == label].sort_values(["draw", "image_id"]).index
    for axis, place in zip(line, places, strict=False):
        triple = [view.real[place], view.mapped[place]]
        if view.reconstructed is not None:
            triple.append(view.reconstructed[place])
        else:
            axis.text(5 / 6, 0.5, "no inverse", transform=axis.transAxes, ha="center", va="center", color="#777777")
        axis.imshow(strip(small(triple), len(_WORDS)), interpolation="none")
    if not len(places):
        line[0].text(0, 0.5, "no such image", transform=line[0].transAxes, va="center", color="#777777")


def stain_methods(
    normalizers: Mapping[str, Normalizer],
    sets: DomainImageSets,
    split: pd.DataFrame,
    path: Path,
    *,
    protocol: Protocol,
    threads: int,
) -> None:
    """Draw one image of source B a class as it is and as each normaliser brings it to A, beside a real one of A.

    Args:
        normalizers: name -> fitted.
        sets: the prepared images of both sources.
        split: of the protocol.
        path: SVG to write.
        protocol: decides what is held back.
        threads: decoders at once.
    """
    rows = picture_rows(split, protocol, each=1)
    of_a, real_a = decode_domain(sets, rows, "a", threads=threads)
    of_b, real_b = decode_domain(sets, rows, "b", threads=threads)
    labels_b = of_b["label"]
    columns = {
        "real A": dict(zip(of_a["label"], real_a, strict=True)),
        "real B": dict(zip(labels_b, real_b, strict=True)),
    }
    for name, normalizer in normalizers.items():
        columns[name] = dict(zip(labels_b, normalizer.transform(real_b, to="a").pixels, strict=True))
    blank = np.full(real_b.shape[1:], 255, np.uint8)
    labels = _classes(rows)
    figure, axes = _grid(len(labels), 1, (_CELL * len(columns) + 1.8, _CELL * len(labels) + 0.6), rows)
    for axis, label in zip(axes[:, 0], labels, strict=False):
        axis.imshow(strip(small([of.get(label, blank) for of in columns.values()]), len(columns)), interpolation="none")
        axis.set_ylabel(label.replace("_", " "), rotation=0, ha="right", va="center")
    heads(axes[0, 0], list(columns))
    save_figure(figure, path)


def _classes(rows: pd.DataFrame) -> list[str]:
    return [label for label in CLASSES if (rows["label"] == label).any()]


def _grid(rows: int, columns: int, size: tuple[float, float], chosen: pd.DataFrame) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=size, layout="constrained")
    axes: np.ndarray = figure.subplots(max(rows, 1), columns, squeeze=False)
    for axis in axes.flat:
        bare(axis)
    said = (
        "held-back images" if chosen["held_back"].all() else "images that training saw: this protocol holds none back"
    )
    said = said if len(chosen) else "no image is held back"
    figure.suptitle(said, x=0.01, ha="left", fontsize=9, color="#55555f")
    return figure, axes
