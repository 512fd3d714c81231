"""What a run left, and in what it differs from what an undisturbed one left."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

# In these, how long something took is written; the rest must be the same.
TIMED = (
    "training.json", "stain_cost_leak_free.csv", "synthesis_cost_leak_free.csv", "classify_cost.csv", "card.md",
    "report.html",
)  # fmt: skip
_TIME = re.compile(
    rb'"seconds": [0-9.e+-]+|(?<![\w/+])(?:\d+h\d\dm(?:\d\ds)?|\d+m\d\ds|\d+(?:\.\d+)? ?(?:s|min|h))(?![\w/+=])'
)
NO_RESULTS = ("logs", "benchmarks", ".state")


def digests(folder: Path, run: str) -> dict[str, str]:
    """The sha256 of every result of a run, and of the weights that it has downloaded; times count for nothing.

    Args:
        folder: of the project.
        run: its name in config.

    Returns:
        By the path in `results/<run>`, or from the project's folder for weights.
    """
    results = folder / "results" / run
    found = {path.relative_to(results): path for path in results.rglob("*")}
    found |= {path.relative_to(folder): path for path in (folder / "data" / "weights").glob("*")}
    return {
        name.as_posix(): _digest(path)
        for name, path in sorted(found.items())
        if path.is_file() and name.parts[0] not in NO_RESULTS and path.suffix != ".dvc" and name.name != ".gitignore"
    }


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Each file that is missing, another one or left over, in words."""
    return [
        *(f"{name} is missing" for name in sorted(expected.keys() - found.keys())),
        *(f"{name} is another" for name in sorted(expected) if name in found and found[name] != expected[name]),
        *(f"{name} is left over" for name in sorted(found.keys() - expected.keys())),
    ]


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if path.name in TIMED:
        content = re.sub(rb"time( time)+", b"time", _TIME.sub(b"time", content))  # as 59 s and 1 min 2 s
    return hashlib.sha256(content).hexdigest()
