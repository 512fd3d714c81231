"""Render pairs: the same cells in both stains, for training and for measuring normalisers."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemabalance.dataset.geometry import Fit, fit_square
from hemabalance.dataset.imageset import write_image_set
from hemabalance.dataset.pairs import PARTS, pair_id
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.looks import StainDomain
from hemabalance.sources.phantom.render import render
from hemabalance.sources.phantom.species import CELL_TYPES

DEFAULT_LOOKS: Mapping[str, StainDomain] = {"a": "a", "b": "b"}
STAIN_DOMAINS = tuple(DEFAULT_LOOKS)
# Archives use cell indices from 0 and from 10 million upwards: no cell of a pair is in an archive.
FIRST_INDEX = {"train": 500_000_000, "test": 600_000_000}


def write_pairs(
    targets: Mapping[str, tuple[Path, Path]],
    *,
    looks: Mapping[str, StainDomain] = DEFAULT_LOOKS,
    counts: dict[str, int],
    frame: int,
    size: int,
    fit: Fit,
    seed: int,
    threads: int,
) -> None:
    """Render cells of all cell types in turn, each in both domains, and write one image set per domain.

    Photographs have the nuisances of a laboratory, sampled independently for each domain, like those in the archives.
    Each cell of the part `test` is written twice, with ids ending in `photograph` and in `truth`: the truth has no
    stain variation, blur or noise and is the reference output for a normaliser.

    Args:
        targets: domain -> zip and index of the image set to write.
        looks: domain -> look of its photographs.
        counts: part (`train`, `test`) -> number of cells.
        frame: side of the rendered square in pixels.
        size, fit: working size and cropping, see `dataset.geometry.fit_square`.
        seed: seed of the cells.
        threads: at least 1; does not change the bytes.
    """
    for domain, (zip_path, index_path) in targets.items():
        rows, images = [], []
        for part in PARTS:
            labels = [CELL_TYPES[k % len(CELL_TYPES)] for k in range(counts[part])]
            cells = sample_cells(labels, seed=seed, first_index=FIRST_INDEX[part])
            for kind in ("photograph", "truth") if part == "test" else ("photograph",):
                frames = render(
                    cells, looks[domain], shape=(frame, frame), nuisance=kind == "photograph", threads=threads
                )
                images += [fit_square(image, size=size, fit=fit, field=1.0) for image in frames]
                rows += [(pair_id(part, k, kind), label) for k, label in enumerate(labels)]
        order = sorted(range(len(rows)), key=lambda k: rows[k])
        table = pd.DataFrame([rows[k] for k in order], columns=["image_id", "label"])
        table["source"], table["origin"] = "phantom", "synthetic"
        table["provenance"] = json.dumps({"domain": domain, "frame": frame, "seed": seed}, sort_keys=True)
        write_image_set(zip_path, index_path, table, (images[k] for k in order), threads=threads)
