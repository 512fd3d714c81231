"""The base class of all parts of the config and of all method settings, and types of their fields."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Beta = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Zoom = Annotated[float, Field(ge=0.5, le=2)]
Precision = Literal["32", "bf16"]


class Section(BaseModel):
    """A part of the config: immutable, without unknown keys, without implicit type conversions.

    The string below a field is its description, which `hemabalance config` prints (`config.descriptions`).
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """The section from the JSON form of `plain`, in which tuples have become lists."""
        return cls.model_validate(values, strict=False)

    @property
    def plain(self) -> dict[str, Any]:
        """The section as a dict of JSON values."""
        return self.model_dump(mode="json")
