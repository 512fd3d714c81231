"""Common style of all figures, with the same bytes on every run."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

from hemabalance.files import atomic_path

matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "white",
        "image.composite_image": False,  # several images of one axes keep their own pixels
        "svg.hashsalt": "hemabalance",
        "svg.fonttype": "path",
    }
)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, atomically and without a date in its metadata."""
    with atomic_path(path) as part:
        figure.savefig(part, format="svg", bbox_inches="tight", metadata={"Date": None})
