"""The same latents again and again along a training: what a generator was able to make when."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from hemabalance.dataset.imageset import write_image_set


class Snapshots(nn.Module):
    """Images of each class at steps spread evenly over a training, the last step among them.

    A module without parameters, so that checkpoints keep what was taken: put it among `Trainable.networks`.

    Args:
        classes: whose images.
        points: how many steps; 0 for none.
        each: images a class.
        size: side in pixels.
        steps: of the training.
    """

    taken: Tensor
    """uint8 (points, classes, each, 3, size, size)."""

    def __init__(self, classes: Sequence[str], *, points: int, each: int, size: int, steps: int) -> None:
        super().__init__()
        self.classes, self.each = tuple(classes), each
        self.steps = sorted({max(1, round(steps * (k + 1) / points)) for k in range(points)})
        shape = (len(self.steps), len(self.classes), each, 3, size, size)
        self.register_buffer("taken", torch.zeros(shape, dtype=torch.uint8))

    def due(self, step: int) -> bool:
        """Whether images are to be taken after this step."""
        return step in self.steps

    @torch.no_grad()
    def take(self, step: int, label: str, images: Tensor) -> None:
        """Keep images made after a step that is due.

        Args:
            step: of the training, from 1.
            label: their class.
            images: (each, 3, size, size) in [-1, 1].
        """
        levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
        self.taken[self.steps.index(step), self.classes.index(label)] = levels

    def write(self, zip_path: Path, index_path: Path, *, generator: str, threads: int) -> None:
        """Write all images as an image set; `provenance` holds `generator, step, index`."""
        rows, pixel_arrays = [], []
        for at, step in enumerate(self.steps):
            for of, label in enumerate(self.classes):
                for k in range(self.each):
                    note = {"generator": generator, "step": step, "index": k}
                    rows.append((f"{label}-{step:09d}-{k:04d}", label, json.dumps(note, sort_keys=True)))
                    pixel_arrays.append(self.taken[at, of, k])
        table = pd.DataFrame(rows, columns=["image_id", "label", "provenance"], dtype="str")
        table = table.assign(source="synthetic", origin="synthetic")
        order = table["image_id"].argsort(kind="stable").to_numpy()
        images = (pixel_arrays[k].permute(1, 2, 0).cpu().numpy() for k in order)
        write_image_set(zip_path, index_path, table.iloc[order].reset_index(drop=True), images, threads=threads)
