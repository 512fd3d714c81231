"""Results of a run, and their differences from those of an undisturbed run."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from helpers.browser import without_varying

# These files contain run times, the page its date and command as well; their remaining content must be equal.
TIMED = (
    "training.json", "stain_cost_leak_free.csv", "synthesis_cost_leak_free.csv", "classify_cost.csv", "README.md",
    "report.html",
)  # fmt: skip
_TIME = re.compile(
    rb'"seconds": [0-9.e+-]+|(?<![\w/+])(?:\d+h\d\dm(?:\d\ds)?|\d+m\d\ds|\d+(?:\.\d+)? ?(?:s|min|h))(?![\w/+=])'
)
NO_RESULTS = ("logs", "benchmarks", ".state")


def digests(folder: Path, run: str) -> dict[str, str]:
    """Return the sha256 of every result of a run and of the downloaded weights; run times are masked.

    Args:
        folder: folder of the project.
        run: name of the run in the config.

    Returns:
        path -> sha256; paths relative to `results/<run>`, or to the project's folder for weights.
    """
    results = folder / "results" / run
    paths = {path.relative_to(results): path for path in results.rglob("*")}
    paths |= {path.relative_to(folder): path for path in (folder / "data" / "weights").glob("*")}
    return {
        name.as_posix(): _digest(path)
        for name, path in sorted(paths.items())
        if path.is_file() and name.parts[0] not in NO_RESULTS and path.suffix != ".dvc" and name.name != ".gitignore"
    }


def differences(expected: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
    """Describe each file that is missing, differs, or is left over."""
    return [
        *(f"{name} is missing" for name in sorted(expected.keys() - actual.keys())),
        *(f"{name} differs" for name in sorted(expected) if name in actual and actual[name] != expected[name]),
        *(f"{name} is left over" for name in sorted(actual.keys() - expected.keys())),
    ]


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.name in TIMED:
        content = re.sub(
            rb"time( time)+", b"time", _TIME.sub(b"time", without_varying(content))
        )  # for example 59 s and 1 min 2 s
    return hashlib.sha256(content).hexdigest()
