"""What `model.json` holds."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hemabalance.dataset.geometry import Fit
from hemabalance.protocols import Protocol

FORMAT = 1
RENDERED = (
    "The images are rendered, not photographed: the model shows that the workflow works and knows nothing of blood."
)
RESEARCH = "For research. Not a medical device; never validated for diagnosis."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Frame(_Part):
    """How a photograph becomes a square; see `geometry.fit_square`.

    Attributes:
        size: side in pixels, before it is reduced to the model's own.
        fit: `crop` or `pad`.
        fields: source -> share of the frame's side that is used.
        max_pixels, min_side: of a photograph, see `decode.decode`.
    """

    size: int = Field(ge=1)
    fit: Fit
    fields: dict[str, float] = Field(min_length=1)
    max_pixels: int = Field(ge=1)
    min_side: int = Field(ge=1)


class Stain(_Part):
    """The stain normaliser of the training images.

    Attributes:
        name, method, settings: in config.
        direction, classes: which images it mapped; see `stain.direction.targets`.
        weights: its file, relative to the model's folder.
        sha256: of that file.
    """

    name: str
    method: str
    settings: dict[str, Any]
    direction: str
    classes: tuple[str, ...]
    weights: str
    sha256: str


class Boundaries(_Part):
    """What an archive of images to predict may contain; see `sources.archives.Limits`."""

    max_members: int
    max_member_bytes: int
    max_total_bytes: int
    max_ratio: float


class SourceData(_Part):
    """A source of real training images: how many of them, and under which terms its publisher gives them away."""

    images: int
    title: str
    doi: str
    licence: str
    citation: str


class ModelHashes(_Part):
    """sha256 of the weights, of `out_of_distribution.safetensors`, and of the balanced set's table that they were trained on."""

    weights: str
    out_of_distribution: str
    balanced: str


class MetricValue(_Part):
    """A value on the test images with its 95 % interval; None where it cannot be estimated."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class ModelFile(_Part):
    """What `model.json` holds."""

    format: int
    hemabalance: str = Field(description="version that wrote it")
    experiment: str
    recipe: str
    protocol: Protocol
    seed: int
    method: str
    classes: tuple[str, ...]
    size: int = Field(ge=1, description="side of the images that the model takes, in pixels")
    frame: Frame
    limits: Boundaries
    stain: Stain | None = Field(description="None where images keep their own stain")
    temperature: float = Field(gt=0, description="that logits are divided by before the softmax")
    sha256: ModelHashes
    metrics: dict[str, MetricValue] = Field(description="on test images, none of them synthetic")
    data: dict[str, SourceData] = Field(min_length=1, description="source -> where its training images come from")
    notes: tuple[str, ...]

    @property
    def usual(self) -> str:
        """The source of most real training images."""
        return max(sorted(self.data), key=lambda source: self.data[source].images)
