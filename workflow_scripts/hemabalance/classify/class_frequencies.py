"""Corrections of a classifier's loss and logits for unequal class frequencies."""

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.classify.synthetic_part import synthetic_images
from hemabalance.training.batches import batch_within
from hemabalance.training.network_classifier_settings import TrainingSettings


def class_frequencies(
    targets: np.ndarray, synthetic: np.ndarray, classes: int, settings: TrainingSettings
) -> np.ndarray:
    """The share of each class in the batches of a training that does not sample all classes equally often.

    Args:
        targets: int (n,), the class of each training image.
        synthetic: bool (n,), whether an image is synthetic.
        classes: number of classes.
        settings: of the training; with `balanced: root`, a class counts by the square root of its number of images;
            with `synthetic_share`, real and synthetic images count by their shares of a batch.

    Returns:
        float64 (classes,), sum 1; 0 for a class without training images.
    """

    def shares(chosen: np.ndarray) -> np.ndarray:
        counts = np.bincount(targets[chosen], minlength=classes)
        if settings.balanced == "root":
            counts = np.sqrt(counts)
        frequencies: np.ndarray = counts / max(counts.sum(), 1)
        return frequencies

    if settings.synthetic_share is None or not synthetic.any():
        return shares(np.ones(len(targets), bool))
    batch = batch_within(settings.batch, len(targets))
    share = synthetic_images(settings.synthetic_share, batch) / batch
    mixed: np.ndarray = (1 - share) * shares(~synthetic) + share * shares(synthetic)
    return mixed


def inverse_frequency_weights(frequencies: np.ndarray) -> Tensor:
    """Weights 1 / (k f) of the k classes with a frequency f above 0: their mean over images is one; float32 (classes,).

    A class without images has the weight 0.
    """
    present = frequencies > 0
    weights = np.divide(1, present.sum() * frequencies, out=np.zeros(len(frequencies)), where=present)
    return torch.from_numpy(weights.astype(np.float32))


def logit_shift(frequencies: np.ndarray, tau: float) -> Tensor:
    """tau log f (Menon et al., ICLR 2021, arXiv:2007.07314, Eqs. 9 and 10), float32 (classes,).

    0 for a class without images, whose logits the training lowers anyway.
    """
    present = frequencies > 0
    shift = np.where(present, tau * np.log(np.where(present, frequencies, 1)), 0)
    return torch.from_numpy(shift.astype(np.float32))


class ShiftedLogits(nn.Module):
    """A network and a vector that is subtracted from its logits; the vector is saved with the weights.

    Args:
        network: images to logits (n, classes).
        classes: number of classes.
    """

    shift: Tensor
    """float32 (classes,); 0 until the training has ended."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("shift", torch.zeros(classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, classes) less `shift`."""
        logits: Tensor = self.network(images) - self.shift
        return logits
