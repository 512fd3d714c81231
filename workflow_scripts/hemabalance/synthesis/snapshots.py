"""Images generated from the same latents at several steps of a training."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from hemabalance.dataset.imageset import write_image_set


class Snapshots(nn.Module):
    """Images of each class at steps spread evenly over a training, including the last step.

    A module without parameters: as one of `Trainable.networks` it is saved in the checkpoints.

    Args:
        classes: classes of the images.
        points: number of snapshot steps; 0 for none.
        images_per_class: number of images of each class at each step.
        size: side of the images in pixels.
        steps: number of training steps.
    """

    images: Tensor
    """uint8 (points, classes, images_per_class, 3, size, size)."""

    def __init__(self, classes: Sequence[str], *, points: int, images_per_class: int, size: int, steps: int) -> None:
        super().__init__()
        self.classes, self.images_per_class = tuple(classes), images_per_class
        self.steps = sorted({max(1, round(steps * (k + 1) / points)) for k in range(points)})
        shape = (len(self.steps), len(self.classes), images_per_class, 3, size, size)
        self.register_buffer("images", torch.zeros(shape, dtype=torch.uint8))

    def due(self, step: int) -> bool:
        """Whether a snapshot belongs to this step."""
        return step in self.steps

    @torch.no_grad()
    def store(self, step: int, label: str, images: Tensor) -> None:
        """Store the images of one class at a step that is due.

        Args:
            step: training step, counted from 1.
            label: class of the images.
            images: (images_per_class, 3, size, size) in [-1, 1].
        """
        levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
        self.images[self.steps.index(step), self.classes.index(label)] = levels

    def write(self, zip_path: Path, index_path: Path, *, generator: str, threads: int) -> None:
        """Write all images as an image set; `provenance` holds `generator, step, index`."""
        rows, pixel_arrays = [], []
        for step_index, step in enumerate(self.steps):
            for class_index, label in enumerate(self.classes):
                for k in range(self.images_per_class):
                    provenance = {"generator": generator, "step": step, "index": k}
                    rows.append((f"{label}-{step:09d}-{k:04d}", label, json.dumps(provenance, sort_keys=True)))
                    pixel_arrays.append(self.images[step_index, class_index, k])
        table = pd.DataFrame(rows, columns=["image_id", "label", "provenance"], dtype="str")
        table = table.assign(source="synthetic", origin="synthetic")
        order = table["image_id"].argsort(kind="stable").to_numpy()
        images = (pixel_arrays[k].permute(1, 2, 0).cpu().numpy() for k in order)
        write_image_set(zip_path, index_path, table.iloc[order].reset_index(drop=True), images, threads=threads)
