"""What every part of the config is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ClassName = Literal[
    "basophil", "eosinophil", "erythroblast", "immature_granulocyte", "lymphocyte", "monoblast", "monocyte",
    "myeloblast", "neutrophil", "platelet", "promyelocyte", "smudge_cell",
]  # fmt: skip
Beta = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A part of the config: no unknown keys, no silent conversions, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ClassifierConfig(Section):
    """A small fixed classifier that judges images."""

    width: int = Field(32, ge=1, le=256, description="channels of its first stage")
    batch: int = Field(64, ge=1, description="images a step")
    steps: int = Field(4000, ge=2, description="of training")
    lr: float = Field(3e-3, gt=0, description="top of its one-cycle learning rate")
    colour_strength: float = Field(0.5, gt=0, le=1, description="of the random colours in its training")
    memory_budget: int = Field(8 * 2**30, ge=0, description="bytes of training images kept on the device")
    log_every: int = Field(50, ge=1, description="steps a line of the history")
    checkpoint_every: int = Field(500, ge=1, description="steps")
