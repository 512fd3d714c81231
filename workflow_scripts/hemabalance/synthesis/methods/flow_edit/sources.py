"""The real images that are edited."""

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.synthesis.roles import Classes
from hemabalance.training.data_checks import require_size
from hemabalance.training.job import Images


class SourceImages(nn.Module):
    """Real images; a module without parameters, so that a weights file holds them."""

    images: Tensor
    """uint8 (n, 3, size, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.empty((0, 3, size, size), dtype=torch.uint8))

    def __len__(self) -> int:
        return len(self.images)

    def keep(self, pixels: np.ndarray) -> None:
        """Keep these images, RGB uint8 (n, size, size, 3)."""
        images = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).contiguous()
        self.images = images.to(self.images.device)

    def resize(self, count: int) -> None:
        """Make room for `count` images that are loaded from a weights file."""
        self.images = self.images.new_zeros((count, 3, self.size, self.size))

    def take(self, places: Tensor) -> Tensor:
        """Images at the places (int64 (n,), on the device): float32 (n, 3, size, size) in [-1, 1]."""
        return self.images[places].float().div(127.5).sub(1)


def choose_sources(real: Images, classes: Classes, size: int, *, limit: int, seed: int) -> np.ndarray:
    """At most `limit` images of each trained class, chosen at random, in the order of the data.

    Args:
        real: real training images.
        classes: images of the trained classes are chosen.
        size: side of the images that the network was built for, in pixels.
        limit: most images of a class.
        seed: of the choice.

    Returns:
        RGB uint8 (n, size, size, 3).

    Raises:
        InputError: a trained class has no image, or the images have another size.
    """
    require_size("real images", real.pixels, size)
    chosen = []
    for label in classes.trained:
        places = np.flatnonzero(real.labels == label)
        if not len(places):
            remedy = "Take it out of synthesis.roles.rich, or give the archives images of it"
            raise InputError(f"class {label}", "has no real training image to edit", remedy)
        rng = np.random.default_rng([seed, classes.index(label)])
        chosen.append(np.sort(rng.permutation(places)[:limit]))
    pixels: np.ndarray = real.pixels[np.concatenate(chosen)]
    return pixels
