"""`data/sources.yaml`: where each public archive lives, what it holds, its licence and citation."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hemabalance.errors import InputError


class SourceEntry(BaseModel):
    """What is known of one source's complete public archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    doi: str
    page: str = Field(description="the page a person opens")
    archive: str = Field(description="file name of the archive")
    addresses: tuple[str, ...] = Field(description="direct addresses; empty where a person must fetch it")
    how_to_get: str
    bytes: int | None = Field(description="size of the archive, where known")
    sha256: str | None = Field(description="of the archive file, where known")
    content_sha256: str | None = Field(description="over the sorted lines '<folder>/<file> <sha256>' of all images")
    counts: dict[str, int] = Field(description="images per class folder")
    licence: str
    citation: str


def load_catalogue(path: Path) -> dict[str, SourceEntry]:
    """Read the catalogue.

    Raises:
        InputError: missing, not YAML, or an entry that lacks or adds a key.
    """
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
        return {name: SourceEntry.model_validate(entry) for name, entry in entries.items()}
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "Restore it with `git checkout -- data/sources.yaml`") from error
    except (yaml.YAMLError, ValidationError, AttributeError) as error:
        raise InputError(path, f"not a catalogue of sources: {error}", "Compare it with the committed file") from error
