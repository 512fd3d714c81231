"""Settings that the methods share whose model is a network."""

from pydantic import Field

from hemabalance.classify.method import ClassifierSettings
from hemabalance.training.network_classifier_settings import TrainingSettings


class NetworkSettings(TrainingSettings, ClassifierSettings):
    """What every method has that trains a network."""

    input_size: int = Field(224, ge=16, le=512)
    """Side to which images are enlarged or reduced for the network, on the device, in pixels."""
    imagenet_weights: str | None = None
    """A local safetensors or PyTorch file of ImageNet weights to start from. Only a training's first step reads it."""
