"""What every part of the config is made of."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the config: no unknown keys, no silent conversions, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
