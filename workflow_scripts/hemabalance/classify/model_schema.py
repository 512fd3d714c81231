"""The content of `model.json`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hemabalance.dataset.geometry import Fit
from hemabalance.metrics.cell_size import Method
from hemabalance.protocols import Protocol

FORMAT = 3
READABLE = (2, FORMAT)
"""Formats that are read: files of format 2 lack `colours`."""

RENDERED = (
    "The images are rendered, not photographed: the model demonstrates the workflow and says nothing about blood."
)
RESEARCH = "For research. Not a medical device; never validated for diagnosis."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Frame(_Part):
    """How a photograph is made square; see `geometry.fit_square`.

    Attributes:
        size: side of the square in pixels, before it is reduced to the model's input size.
        fit: `crop` or `pad`.
        fields: source -> share of the frame's side that is used.
        max_pixels, min_side: limits on the size of a photograph, see `decode.decode`.
        cell_sizes: method of `metrics.cell_size` -> median diameter of the cells in the training images, as a share of
            the square's side; without those that cannot be trusted. Files of earlier versions have none.
    """

    size: int = Field(ge=1)
    fit: Fit
    fields: dict[str, float] = Field(min_length=1)
    max_pixels: int = Field(ge=1)
    min_side: int = Field(ge=1)
    cell_sizes: dict[Method, float] = {}


class StainWeights(_Part):
    """Weights of the normaliser between one source and the reference.

    Attributes:
        weights: file of the weights, relative to the model's folder.
        sha256: sha256 of that file.
    """

    weights: str
    sha256: str


class SourceColours(_Part):
    """The colours of the images of a source before normalisation; see `source_colours`.

    Attributes:
        images: number of images that were measured.
        mean: mean of the nine numbers of an image.
        precision: inverse of their covariance, 9 x 9.
        limit: Mahalanobis distance that 99 % of held-back training images do not exceed.
    """

    images: int
    mean: tuple[float, ...]
    precision: tuple[tuple[float, ...], ...]
    limit: float = Field(gt=0)


class Stain(_Part):
    """The stain normaliser of the training images.

    Attributes:
        name, method, settings: name, method and settings in config.
        direction, classes: which images it mapped; see `stain.direction.targets`. Without classes, `per_class` mapped
            all classes of which both sources have images.
        reference: the source that is domain "a" of every pair.
        sources: every other source of the run -> weights that map between its stain and that of the reference.
    """

    name: str
    method: str
    settings: dict[str, Any]
    direction: str
    classes: tuple[str, ...] | None
    reference: str
    sources: dict[str, StainWeights] = Field(min_length=1)


class Boundaries(_Part):
    """Limits on archives of images to predict; see `sources.archives.Limits`."""

    max_members: int
    max_member_bytes: int
    max_total_bytes: int
    max_ratio: float


class SourceData(_Part):
    """A source of real training images: their number, and the publisher's title, licence and citation.

    Title, DOI and citation are empty for a source that is not in the catalogue of public archives. `grouped`: whether
    its images name a patient, slide or other group, which is in one part of the split only.
    """

    images: int
    grouped: bool
    title: str
    doi: str
    licence: str
    citation: str


class ModelHashes(_Part):
    """sha256 of the weights, of `out_of_distribution.safetensors`, and of the balanced set's table."""

    weights: str
    out_of_distribution: str
    balanced: str


class MetricValue(_Part):
    """A metric on the test images with its 95 % interval; None if it cannot be estimated."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class ModelFile(_Part):
    """The content of `model.json`."""

    format: int
    hemabalance: str = Field(description="version that wrote the file")
    experiment: str
    recipe: str
    protocol: Protocol
    seed: int
    method: str
    classes: tuple[str, ...] = Field(min_length=1, description="in the order of the logits")
    size: int = Field(ge=1, description="side of the input images in pixels")
    frame: Frame
    limits: Boundaries
    stain: Stain | None = Field(description="None if images are not normalised")
    colours: dict[str, SourceColours] = Field(default={}, description="source -> colours of its training images")
    temperature: float = Field(gt=0, description="divisor of the logits before the softmax")
    sha256: ModelHashes
    metrics: dict[str, MetricValue] = Field(description="on real test images")
    data: dict[str, SourceData] = Field(min_length=1, description="source -> origin of its training images")
    notes: tuple[str, ...]

    @property
    def usual(self) -> str:
        """The source with the most real training images."""
        return max(sorted(self.data), key=lambda source: self.data[source].images)
