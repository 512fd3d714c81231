"""The key `field` of a source: a number or `auto`.

Not in `sources`, which is part of the code of rule inventory: inventories do not depend on this key.
"""

from typing import Annotated, Literal

from pydantic import Field

from hemabalance.config.sources import SourceConfig
from hemabalance.dataset.fields import SMALLEST_FIELD


class ScaledSourceConfig(SourceConfig):
    """One source: the photographs of one laboratory."""

    field: Annotated[float, Field(ge=SMALLEST_FIELD, le=1)] | Literal["auto"] = 1.0  # type: ignore[assignment]
    """Share of each side of the frame that is used, to bring the sources to one physical scale; 1 as in the thesis.
    `auto`: estimated before the images are made, from the size of red cells (or of nuclei) in the photographs, without
    labels: the scale of the sources with numbers, or else that of the source with the largest cells."""
