"""MobileNetV2 (Sandler 2018, arXiv:1801.04381), fine-tuned from ImageNet weights that the workflow fetches."""

from hemabalance.classify.method import ClassifierTraits
from hemabalance.classify.settings import NetworkSettings
from hemabalance.training.settings import Rate


class MobileNetV2Settings(NetworkSettings):
    """MobileNetV2, fine-tuned from ImageNet weights."""

    imagenet_file: str = ""
    """File of the ImageNet weights, set by the workflow, which fetches it. Read only when a training starts, unless
    `imagenet_weights` names another file."""
    pretrained: bool = True
    """Start from ImageNet weights; false: from random ones."""
    freeze_batch_norm: bool = True
    """Batch normalisation keeps its means and variances; false: they follow the training images."""
    lr: Rate = 3e-4
    """Learning rate of AdamW after warm-up; with frozen batch normalisation, 1e-3 is too high."""


TRAITS = ClassifierTraits(trains_networks=True, frozen_features=True)
