"""Settings shared by all methods that train a network, and by those that use features of a frozen one."""

from typing import ClassVar

from pydantic import Field

from hemabalance.classify.method import ClassifierSettings
from hemabalance.section import Zoom
from hemabalance.training.network_classifier_settings import TrainingSettings


class NetworkSettings(TrainingSettings, ClassifierSettings):
    """Settings of every method that trains a network."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (*TrainingSettings.OPTIONAL, "average_poses", "average_zooms")

    input_size: int = Field(224, ge=16, le=512)
    """Input side of the network in pixels; images are resized to it on the device."""
    imagenet_weights: str | None = None
    """A local safetensors or PyTorch file of ImageNet weights to start from; read only when a training starts."""
    average_poses: bool = False
    """Predict the mean of the probabilities of the eight poses of an image (quarter turns and mirror images), in eight
    times the time; validation during the training uses one pose."""
    average_zooms: tuple[Zoom, ...] = ()
    """Predict the mean of the probabilities of an image at these scales, in as many times the time; above 1: larger
    cells. For images of other laboratories, such as [0.85, 1.0, 1.18]. Validation during the training uses 1.0."""


class FrozenFeatureSettings(ClassifierSettings):
    """Settings of every method that fits a linear classifier to features of a frozen network."""

    imagenet_file: str = ""
    """File of the frozen network's weights, set by the workflow, which fetches it. Read only by trainings: a trained
    model contains these weights."""
    C: float = Field(0.01, gt=0)
    """Inverse strength of the L2 penalty on standardised features."""
    input_size: int = Field(224, ge=32, le=512)
    """Input side of the frozen network in pixels; MobileNetV2 needs at least 32."""
    balanced: bool = True
    """Give all classes the same weight; false: all images."""
