"""The config section `across`: classifiers of one laboratory's labels, on the images of the others."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from hemabalance.section import Section, Share, Zoom

PREFIX = "across_"
"""Start of the names of the experiments that belong to the rows; followed by the name of the model and, if it is also
trained on images of other sources, the row that predicts their labels."""


class AcrossRow(Section):
    """One row of the comparison: a model and how it predicts images, or the average of such rows."""

    model: str | None = None
    """An entry of classify.models, or the name of a method, which then has its default settings."""
    normalizer: str | None = None
    """An entry of stain.normalizers, which brings images of other sources to the stain of the reference first; null:
    they are untouched."""
    poses: bool = False
    """Average the probabilities over the eight poses of an image."""
    zooms: tuple[Zoom, ...] = Field((1.0,), min_length=1)
    """Average the probabilities over the image at these scales; above 1, the cell is larger."""
    statistics: Literal["training", "images"] = "training"
    """Means and variances of batch normalisation: of the training, or of the unlabelled images of the other sources."""
    pseudo_labels: str | None = None
    """Another row with the same normaliser, which labels the unlabelled half of the other sources' images; those of
    `confidence` are added to the training images (Lee 2013, "Pseudo-Label"). null: the model learns from the reference
    alone."""
    average: tuple[str, ...] = ()
    """In place of a model: two or more other rows, whose probabilities are averaged seed by seed."""
    seeds: tuple[int, ...] = (1,)
    """Seeds of the trainings."""

    @property
    def experiment(self) -> str:
        """Name of the experiment that trains the row's model, that of its folder."""
        teacher = "" if self.pseudo_labels is None else f"_by_{self.pseudo_labels}"
        return f"{PREFIX}{self.model}{teacher}"


class AcrossConfig(Section):
    """The experiment across laboratories: trained on labels of the reference alone, tested on all other sources."""

    recipe: str = "plain"
    """The balanced set of the trainings, an entry of balance.recipes; of it, the reference's images are used."""
    rows: dict[str, AcrossRow] = Field(default_factory=dict)
    """The rows, by name; none: there is no such experiment."""
    confidence: Share = 0.9
    """Least probability of a predicted label with which an image is added to the training images of `pseudo_labels`."""
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

    @model_validator(mode="after")
    def _own_experiments(self) -> "AcrossConfig":
        rows = {name: row for name, row in self.rows.items() if row.model}
        for name, row in rows.items():
            for other, entry in rows.items():
                if entry.experiment == row.experiment and entry.model != row.model:
                    raise ValueError(
                        f"across.rows: {other} and {name} would have the same folder {row.experiment}: rename {name}, "
                        "or the entry of classify.models"
                    )
        return self

    def _problems(self, row: AcrossRow) -> Iterator[str]:
        if bool(row.model) == bool(row.average):
            yield "must have either `model` or `average`"
        if len(set(row.seeds)) < max(len(row.seeds), 1):
            yield f"must name seeds, each once, not {list(row.seeds)}"
        if row.average:
            yield from self._problems_of_average(row)
        elif row.pseudo_labels is not None:
            yield from self._problems_of_teacher(row, row.pseudo_labels)

    def _problems_of_teacher(self, row: AcrossRow, name: str) -> Iterator[str]:
        teacher = self.rows.get(name)
        if teacher is None or not teacher.model or teacher.pseudo_labels is not None:
            rows = (other for other, entry in self.rows.items() if entry.model and entry.pseudo_labels is None)
            alone = ", ".join(rows)
            yield f"has pseudo_labels of {name!r}, which is not among the rows trained on the reference alone: {alone}"
        elif teacher.normalizer != row.normalizer:
            yield f"has the normalizer {row.normalizer}, and pseudo_labels of {name}, which has {teacher.normalizer}"
        elif not set(row.seeds) <= set(teacher.seeds):
            yield f"has seeds {list(row.seeds)}, of which {name} has only {list(teacher.seeds)}"

    def _problems_of_average(self, row: AcrossRow) -> Iterator[str]:
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
