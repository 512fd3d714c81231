"""The catalogue `data/sources.yaml`: address, content, licence and citation of each public archive."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hemabalance.errors import InputError


class SourceEntry(BaseModel):
    """Catalogue entry of one source: its complete public archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    doi: str
    page: str = Field(description="web page of the data set")
    archive: str = Field(description="file name of the archive")
    addresses: tuple[str, ...] = Field(description="download addresses; empty if the archive must be fetched by hand")
    how_to_get: str
    bytes: int | None = Field(description="size of the archive, if known")
    sha256: str | None = Field(description="sha256 of the archive file, if known")
    content_sha256: str | None = Field(
        description="sha256 over the sorted lines '<folder>/<file> <sha256>' of the images"
    )
    counts: dict[str, int] = Field(description="images per class folder")
    licence: str
    citation: str


def load_catalogue(path: Path) -> dict[str, SourceEntry]:
    """Read the catalogue.

    Raises:
        InputError: the file is missing or not YAML, or an entry lacks a key or has an unknown one.
    """
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
        return {name: SourceEntry.model_validate(entry) for name, entry in entries.items()}
    except FileNotFoundError as error:
        remedy = "Restore it with `git checkout -- data/sources.yaml`"
        raise InputError(path.absolute(), "no such file", remedy) from error
    except (yaml.YAMLError, ValidationError, AttributeError) as error:
        raise InputError(path, f"not a catalogue of sources: {error}", "Compare it with the committed file") from error
