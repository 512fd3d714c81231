"""The config section `across`: classifiers of one laboratory's labels, on the images of the others."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from hemabalance.section import Section

PREFIX = "across_"
"""Start of the names of the experiments that belong to the rows; followed by the name of the model."""


class AcrossRow(Section):
    """One row of the comparison: a model and how it predicts images, or the average of such rows."""

    model: str | None = None
    """An entry of classify.models, or the name of a method, which then has its default settings."""
    normalizer: str | None = None
    """An entry of stain.normalizers, which brings images of other sources to the stain of the reference first; null:
    they are untouched."""
    poses: bool = False
    """Average the probabilities over the eight poses of an image."""
    zooms: tuple[float, ...] = Field((1.0,), min_length=1)
    """Average the probabilities over the image at these scales, from 0.5 to 2; above 1, the cell is larger."""
    statistics: Literal["training", "images"] = "training"
    """Means and variances of batch normalisation: of the training, or of the unlabelled images of the other sources."""
    average: tuple[str, ...] = ()
    """In place of a model: two or more other rows, whose probabilities are averaged seed by seed."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the trainings."""

    @model_validator(mode="after")
    def _zooms_in_range(self) -> "AcrossRow":
        if any(not 0.5 <= zoom <= 2 for zoom in self.zooms):
            raise ValueError(f"zooms must be from 0.5 to 2, not {list(self.zooms)}")
        return self


class AcrossConfig(Section):
    """The experiment across laboratories: trained on labels of the reference alone, tested on all other sources."""

    recipe: str = "plain"
    """The balanced set of the trainings, an entry of balance.recipes; of it, the reference's images are used."""
    rows: dict[str, AcrossRow] = Field(default_factory=dict)
    """The rows, by name; none: there is no such experiment."""
    baseline: str = ""
    """Row from which the others' gains are measured."""
    leading: str = ""
    """Row of which the report speaks; named without the test half of the other sources' images."""
    thesis: str | None = None
    """Row with the thesis's own normaliser, with which the leading row is compared."""

    @property
    def is_planned(self) -> bool:
        """Whether the config has rows."""
        return bool(self.rows)

    def members(self, row: str) -> tuple[str, ...]:
        """The rows with a model of their own that a row consists of: itself, or those of its average."""
        return self.rows[row].average or (row,)

    @model_validator(mode="after")
    def _complete_rows(self) -> "AcrossConfig":
        for name, row in self.rows.items():
            for problem in self._problems(row):
                raise ValueError(f"across.rows.{name} {problem}")
        return self

    def _problems(self, row: AcrossRow) -> Iterator[str]:
        if bool(row.model) == bool(row.average):
            yield "must have either `model` or `average`"
        if len(set(row.seeds)) < max(len(row.seeds), 1):
            yield f"must name seeds, each once, not {list(row.seeds)}"
        if not row.average:
            return
        if set(row.model_fields_set) - {"average", "seeds"}:
            yield "has `average`, and beside it settings that belong to its members"
        if len(set(row.average)) < max(2, len(row.average)):
            yield f"has the average {list(row.average)}: name two or more rows, each once"
        for member in row.average:
            entry = self.rows.get(member)
            if entry is None or entry.average:
                alone = ", ".join(other for other, entry in self.rows.items() if not entry.average)
                yield f"averages {member!r}, which is not among the rows with a model: {alone}"
            elif not set(row.seeds) <= set(entry.seeds):
                yield f"has seeds {list(row.seeds)}, of which {member} has only {list(entry.seeds)}"

    @model_validator(mode="after")
    def _known_roles(self) -> "AcrossConfig":
        for key in ("baseline", "leading", "thesis"):
            name = getattr(self, key)
            if self.rows and name is not None and name not in self.rows:
                raise ValueError(f"across.{key} names {name!r}, which is not in across.rows: {', '.join(self.rows)}")
        return self
