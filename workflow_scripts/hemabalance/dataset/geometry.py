"""Crop or pad photographs to a square and resample them to the working size."""

from typing import Literal

import numpy as np
from PIL import Image

Fit = Literal["crop", "pad"]


def fit_square(image: np.ndarray, *, size: int, fit: Fit, field: float) -> np.ndarray:
    """Crop or pad an image to a centred square and resample it with an antialiased (Lanczos) filter.

    Args:
        image: RGB uint8 (height, width, 3).
        size: side of the result in pixels.
        fit: `crop` uses the shorter side as the side of the frame; `pad` uses the longer side and repeats the border.
        field: side of the square as a share of the side of the frame, in (0, 1]; a smaller value for a source with a
            larger field of view brings all sources to one physical scale.

    Returns:
        RGB uint8 (size, size, 3).
    """
    height, width = image.shape[:2]
    side = (min if fit == "crop" else max)(height, width) * field
    top, left = (height - side) / 2, (width - side) / 2
    margin = int(np.ceil(max(0.0, -top, -left)))
    if margin:
        image = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    box = (left + margin, top + margin, left + margin + side, top + margin + side)
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS, box=box))
