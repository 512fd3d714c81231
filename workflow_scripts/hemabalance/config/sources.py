"""The config section `sources`: archives of photographs, their labels, and the classes of these labels."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hemabalance.classes import ClassName
from hemabalance.config.paths import PathText
from hemabalance.dataset.fields import SMALLEST_FIELD
from hemabalance.section import Count, Section


class LabelsConfig(Section):
    """Where the labels of a source's images are found: their folders, a table, or a pattern in the file names.

    `labels: folders` and `labels: none` are short for the default and for `unlabelled: true`.
    """

    table: PathText | None = Field(None, min_length=1)
    """CSV, TSV, Excel or Parquet file with one row an image: a file, or a member of the archive."""
    columns: tuple[str, ...] | None = None
    """Names of the columns of a table without a header line."""
    image: str = "image"
    """Column with the image's file name or path, of which the last parts suffice."""
    label: str | None = None
    """Column with the label; default: the label is the pattern's group `label`, or the folder."""
    group: str | None = None
    """Column with the group, such as the patient or the slide: a group is never divided between parts of a split."""
    check: str | None = None
    """Column that must agree with the label; otherwise the image is set aside as a conflict."""
    experts: tuple[str, ...] = ()
    """Columns with labels by further experts, for tables of their agreement."""
    undecided: tuple[str, ...] = ()
    """Values of the experts' columns that mean an expert did not decide."""
    pattern: str | None = None
    """Regular expression searched in the path; its named groups `label`, `group`, `subtype` are used."""
    documents: tuple[str, ...] = ()
    """Names of further files in the archive that are no images, such as a legend; they are not listed."""
    unlabelled: bool = False
    """The images have no labels: they serve only stain normalisation."""

    @model_validator(mode="after")
    def _consistent(self) -> "LabelsConfig":
        needs_table = [name for name in ("columns", "label", "group", "check", "experts") if getattr(self, name)]
        if self.table is None and needs_table:
            raise ValueError(f"labels: {needs_table[0]} needs a table: set labels.table to its file")
        if self.table is not None and not (self.label or self.group or self.check or self.experts):
            raise ValueError(f"labels: no column of the table {self.table} is used: set labels.label or labels.group")
        if self.columns is not None and (missing := [name for name in self.used_columns if name not in self.columns]):
            raise ValueError(f"labels: {missing[0]!r} is not one of labels.columns: {', '.join(self.columns)}")
        if self.unlabelled and (self.label or self.check or self.experts):
            raise ValueError("labels: unlabelled images have no label, check or experts")
        if self.pattern is not None:
            try:
                named = set(re.compile(self.pattern).groupindex)
            except re.error as error:
                raise ValueError(f"labels.pattern is no regular expression: {error}") from error
            if not named & {"label", "group", "subtype"}:
                raise ValueError("labels.pattern has no named group: write (?P<label>…), (?P<group>…) or both")
        return self

    @property
    def used_columns(self) -> tuple[str, ...]:
        """The columns of the table that are read, each once."""
        named = (self.image, self.label, self.group, self.check, *self.experts)
        return tuple(dict.fromkeys(name for name in named if name)) if self.table else ()


class SourceConfig(Section):
    """One source: the photographs of one laboratory."""

    origin: Literal["local", "download", "phantom"] = "local"
    """`local`: provided by the user; `download`: downloaded when missing; `phantom`: rendered by this project."""
    archive: PathText = ""
    """Zip, tar or unpacked folder; not needed with origin phantom."""
    labels: LabelsConfig = LabelsConfig()
    """`folders`, `none`, or a section."""
    classes: dict[str, ClassName | None] = Field(default_factory=dict)
    """Label as found -> class, or null for a label that is left out on purpose; default: labels are class names."""
    subtypes: dict[str, dict[str, ClassName]] = Field(default_factory=dict)
    """Label as found -> subtype -> class, where it differs from the class of the label."""
    field: Annotated[float, Field(ge=SMALLEST_FIELD, le=1)] | Literal["auto"] = 1.0
    """Share of each side of the frame that is used, to bring the sources to one physical scale; 1 as in the thesis.
    `auto`: estimated before the images are made, from the size of red cells (or of nuclei) in the photographs, without
    labels: the scale of the sources with numbers, or else that of the source with the largest cells."""
    ids: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]+$")
    """First part of the ids of its images; default: the source's name. With its earlier name, a source that is renamed
    keeps its split, which depends on the ids."""
    look: int | None = Field(None, ge=0)
    """With origin phantom: number of the laboratory's look (stain, camera); default: its place among the sources."""
    counts: dict[str, Count] = Field(default_factory=dict)
    """With origin phantom: images of each label; default: phantom.min_images of each."""

    @property
    def labelled(self) -> bool:
        """Whether its images have labels."""
        return not self.labels.unlabelled

    @property
    def label_settings(self) -> dict[str, Any]:
        """What decides the labels of its images, as JSON values."""
        values = self.plain
        return {name: values[name] for name in ("labels", "classes", "subtypes")}

    @property
    def named_classes(self) -> set[str]:
        """The classes that its maps name."""
        subtypes = (name for classes in self.subtypes.values() for name in classes.values())
        return {name for name in self.classes.values() if name is not None} | set(subtypes)
