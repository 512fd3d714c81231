"""The code that a workflow was started with: its jobs import it later, when somebody may have edited it.

Snakemake notes of a result the code of when the workflow started. A branch that is checked out for an hour in a long
run would leave results of its code, which would count as up to date once the first branch is there again.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hemabalance.files import write_json
from hemabalance.fingerprint import PACKAGE, SCRIPTS, name_of, trees
from hemabalance.ledger import stamp

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


def edited_since(state: Path) -> list[str]:
    """Files that are others than the workflow was started with, comments and layout aside, by path from SCRIPTS."""
    try:
        noted = dict(json.loads((state / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return []  # damaged, or of an earlier version
    new = [
        name for name, (was, _) in noted.items() if not (SCRIPTS / name).is_file() or stamp(str(SCRIPTS / name)) != was
    ]
    return [name for name in new if _tree(SCRIPTS / name) != noted[name][1]]


def ran(edited: Sequence[str], rule: str) -> list[str]:
    """Those of the files that this process, a rule's script, has run."""
    files = (getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if _is_ours(name))
    loaded = {Path(file).resolve() for file in files if file}
    return [name for name in edited if name == f"{rule}.py" or (SCRIPTS / name).resolve() in loaded]


def _is_ours(name: str) -> bool:
    return name.split(".")[0] == PACKAGE


def _tree(path: Path) -> str:
    try:
        return trees([path])[path]
    except (OSError, SyntaxError):
        return ""
