"""The code that a workflow was started with: its jobs import it later, when somebody may have edited it.

Snakemake notes of a result the code of when the workflow started. A branch that is checked out for an hour in a long
run would leave results of its code, which would count as up to date once the first branch is there again.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hemabalance.bookkeeping.fingerprint import PACKAGE, SCRIPTS, name_of, trees
from hemabalance.bookkeeping.ledger import stamp
from hemabalance.files import write_json

FILE = "hemabalance/code.json"
"""In `.snakemake`: by path from SCRIPTS, each file's stamp and syntax tree's hash."""


def note_code(state: Path) -> None:
    """Note all files that fingerprints were taken of, as the workflow starts.

    Args:
        state: Snakemake's folder `.snakemake`.

    Raises:
        InputError: the disk is full, or nobody may write there.
    """
    noted = {name_of(path).as_posix(): [stamp(str(path)), tree] for path, tree in sorted(trees().items())}
    write_json(noted, state / FILE)


def edited_since(state: Path) -> dict[str, str]:
    """Files that are others than the workflow was started with, comments and layout aside.

    Returns:
        By path from SCRIPTS, in alphabetical order, the hash of the present syntax tree; empty where there is none.
    """
    try:
        noted = dict(json.loads((state / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}  # damaged, or of an earlier version
    touched = [name for name, (was, _) in sorted(noted.items()) if _stamp(SCRIPTS / name) != was]
    now = {name: _tree(SCRIPTS / name) for name in touched}
    return {name: tree for name, tree in now.items() if tree != noted[name][1]}


def executed(edited: Iterable[str], rule: str) -> list[str]:
    """Those of the files that this process, a rule's script, has run."""
    files = (getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if _is_ours(name))
    loaded = {Path(file).resolve() for file in files if file}
    return [name for name in edited if _is_script(name, rule) or (SCRIPTS / name).resolve() in loaded]


def _is_script(name: str, rule: str) -> bool:
    return Path(name).stem == rule and not name.startswith(f"{PACKAGE}/")


def _stamp(path: Path) -> list[int] | None:
    try:
        return stamp(str(path))
    except OSError:
        return None


def _is_ours(name: str) -> bool:
    return name.split(".")[0] == PACKAGE


def _tree(path: Path) -> str:
    try:
        return trees([path])[path]
    except (OSError, SyntaxError):
        return ""
