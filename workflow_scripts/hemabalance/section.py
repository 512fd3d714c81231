"""What every part of the config, and every set of a method's settings, is made of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

ClassName = Literal[
    "basophil", "eosinophil", "erythroblast", "immature_granulocyte", "lymphocyte", "monoblast", "monocyte",
    "myeloblast", "neutrophil", "platelet", "promyelocyte", "smudge_cell",
]  # fmt: skip
Beta = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["32", "bf16"]


class Section(BaseModel):
    """A part of the config: no unknown keys, no silent conversions, immutable.

    A string under a field is its description, which `hemabalance config` shows.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The section from the JSON values of its `plain`, in which tuples have become lists."""
        return cls.model_validate(values, strict=False)

    @property
    def plain(self) -> dict[str, Any]:
        """The section as JSON values."""
        return self.model_dump(mode="json")
