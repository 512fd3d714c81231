"""Prediction of the mean over the eight poses of an image, none of which changes the cell's class."""

import math

import torch
from torch import Tensor, nn

POSES = 8
"""Quarter turns of a square image and of its mirror image."""


class PoseAverage(nn.Module):
    """The logarithm of the mean probability that a network gives to the eight poses of each image.

    Its softmax are the mean probabilities, which are the same for every pose of an image, up to rounding.

    Args:
        network: square images (n, 3, s, s), channels last, to logits (n, classes).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, 3, s, s) to log-probabilities (n, classes); the network sees all 8 n images at once."""
        mirrored = torch.cat([images, images.flip(-1)])
        upright = torch.cat([mirrored, mirrored.flip(-2)])
        posed = torch.cat([upright, upright.transpose(-1, -2)]).contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(posed)
        of_poses = logits.log_softmax(1).view(POSES, -1, logits.shape[1])
        return of_poses.logsumexp(0) - math.log(POSES)
