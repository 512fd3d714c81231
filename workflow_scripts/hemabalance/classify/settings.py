"""Settings shared by all methods that train a network."""

from pydantic import Field

from hemabalance.classify.method import ClassifierSettings
from hemabalance.training.network_classifier_settings import TrainingSettings


class NetworkSettings(TrainingSettings, ClassifierSettings):
    """Settings of every method that trains a network."""

    input_size: int = Field(224, ge=16, le=512)
    """Input side of the network in pixels; images are resized to it on the device."""
    imagenet_weights: str | None = None
    """A local safetensors or PyTorch file of ImageNet weights to start from; read only when a training starts."""
