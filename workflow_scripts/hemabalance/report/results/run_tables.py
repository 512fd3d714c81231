"""The tables of a finished run of `snakemake experiments`, read from its folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from hemabalance.errors import InputError
from hemabalance.protocols import PROTOCOLS
from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, NOT_REPORTED

_PAGES = ("experiments/", "")
"""Folder, below that of the run, of the page of all experiments: of `snakemake experiments`, and with `show_all`."""

REMEDY = "Run `make experiments DATA=folder` to its end, or choose the folder of a finished run with --run"
_DATASET_TABLES = "tables"
_EMPTY = (NOT_AVAILABLE, NOT_REPORTED, NO_REASON, "")


@dataclass(frozen=True)
class RunTables:
    """All tables of a run.

    Attributes:
        run: folder `results/<run>`.
        files: path of each table below the folder, such as `experiments/tables/classify_models.csv` -> its cells, all
            strings. Tables of the same kind for several pairs of sources have paths of their own.
    """

    run: Path
    files: Mapping[str, pd.DataFrame]

    def table(self, kind: str, protocol: str | None = "leak_free") -> pd.DataFrame:
        """The table of a kind, such as `synthesis_fid`, under a protocol; of several pairs of sources the first.

        Raises:
            KeyError: there is no such table.
        """
        for name in (f"{kind}_{protocol}", kind):
            for path, table in self.files.items():
                stem = Path(path).stem
                if stem == name or stem.startswith(f"{name}_of_"):
                    return table
        raise KeyError(f"{self.run} has no table {kind} under {protocol}")

    @property
    def page(self) -> Path:
        """Folder of the page of all experiments."""
        return self.run / page_of(self.run)

    @property
    def protocols(self) -> list[str]:
        """Protocols of the run, leak_free first."""
        return [name for name in PROTOCOLS if (self.run / _DATASET_TABLES / f"split_{name}.csv").is_file()]


@cache
def shown_tables() -> Sequence[Mapping[str, Any]]:
    """Headings and tables of the page, as described at the head of `tables.yaml`."""
    loaded: Sequence[Mapping[str, Any]] = yaml.safe_load(Path(__file__).with_name("tables.yaml").read_text("utf-8"))
    return loaded


def page_of(run: Path) -> str:
    """Folder of the page of all experiments below that of the run, with a slash at its end; empty for the run's own."""
    return next((page for page in _PAGES if (run / page / "tables" / "headline.json").is_file()), "")


def read_run_tables(run: Path) -> RunTables:
    """Read all tables that the page shows.

    Raises:
        InputError: the folder is missing, or the run is unfinished; the message names the missing files.
    """
    if not run.is_dir():
        raise InputError(run, "does not exist", REMEDY)
    statuses = run / _DATASET_TABLES / "statuses.csv"
    sources = list(read_cells(statuses)["source"]) if statuses.is_file() else []
    files: dict[str, pd.DataFrame] = {}
    page = page_of(run)
    missing = [name for name in (f"{page}tables/headline.json", f"{page}report.html") if not (run / name).is_file()]
    for entry in (entry for group in shown_tables() for entry in group["tables"]):
        if entry.get("pairs") and len(sources) < 2:
            continue
        for pattern, required in paths_of(entry["file"], page, sources):
            found = _matches(run, pattern)
            missing += [pattern] if required and not found else []
            files |= {path.relative_to(run).as_posix(): read_cells(path) for path in found}
    if missing:
        raise InputError(run, f"the run is unfinished; missing: {', '.join(missing)}", REMEDY)
    return RunTables(run, files)


def paths_of(file: str, page: str, sources: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The paths of an entry `file` of `tables.yaml`, each with whether a finished run must have it."""
    pattern = file.replace("{page}", page)
    if "{source}" in pattern:
        yield from ((pattern.replace("{source}", source), True) for source in sources)
    elif "{protocol}" in pattern:
        # Under other protocols, only entries with `compare` of this protocol are measured.
        yield from ((pattern.replace("{protocol}", name), name == "leak_free") for name in PROTOCOLS)
    else:
        yield pattern, True


def _matches(run: Path, pattern: str) -> list[Path]:
    path = run / pattern
    return [path] if path.is_file() else sorted(path.parent.glob(f"{path.stem}_of_*.csv"))


def read_cells(path: Path) -> pd.DataFrame:
    """A table of the report, every cell as the text that it is."""
    return pd.read_csv(path, dtype="str", keep_default_na=False)


def is_missing(cell: str) -> bool:
    """Whether a cell has no value."""
    return cell in _EMPTY
