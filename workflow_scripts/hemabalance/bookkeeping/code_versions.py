"""The code version that a workflow was started with, compared with the version that each job runs.

Snakemake records for a result the code as it was when the workflow started, but a job imports the code only when the
job starts. If someone edits the code or checks out another branch during a long run, the results of later jobs would
carry the wrong code version in Snakemake's record and would count as up to date.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hemabalance.bookkeeping.fingerprint import PACKAGE, SCRIPTS, relative_path, syntax_tree_hashes
from hemabalance.bookkeeping.ledger import stamp
from hemabalance.files import write_json

FILE = "hemabalance/code.json"
"""In `.snakemake`: by path relative to SCRIPTS, the stamp and the syntax tree's hash of each file."""


def note_code(state: Path) -> None:
    """Record all files that this process has fingerprinted; called when the workflow starts.

    Args:
        state: Snakemake's folder `.snakemake`.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    hashes = sorted(syntax_tree_hashes().items())
    write_json({relative_path(path).as_posix(): [stamp(str(path)), tree] for path, tree in hashes}, state / FILE)


def edited_files(state: Path) -> dict[str, str]:
    """Files whose code has changed since the workflow started; comments and layout do not count.

    Returns:
        By path relative to SCRIPTS, in alphabetical order: the hash of the present syntax tree. The hash is empty for
        a file that is missing or is not valid Python. Empty if the record is missing, damaged or has an old format.
    """
    try:
        recorded = dict(json.loads((state / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}
    touched = [name for name, (file_stamp, _) in sorted(recorded.items()) if _stamp(SCRIPTS / name) != file_stamp]
    current = {name: _syntax_tree_hash(SCRIPTS / name) for name in touched}
    return {name: tree for name, tree in current.items() if tree != recorded[name][1]}


def executed_files(files: Iterable[str], rule: str) -> list[str]:
    """Select the files that this process, the script of a rule, has executed.

    Args:
        files: paths relative to SCRIPTS.
        rule: name of the rule; its script has the same name.
    """
    modules = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == PACKAGE]
    paths = (getattr(module, "__file__", None) for module in modules)
    loaded = {Path(path).resolve() for path in paths if path}
    return [name for name in files if _is_script(name, rule) or (SCRIPTS / name).resolve() in loaded]


def _is_script(name: str, rule: str) -> bool:
    return Path(name).stem == rule and not name.startswith(f"{PACKAGE}/")


def _stamp(path: Path) -> list[int] | None:
    try:
        return stamp(str(path))
    except OSError:
        return None


def _syntax_tree_hash(path: Path) -> str:
    try:
        return syntax_tree_hashes([path])[path]
    except (OSError, SyntaxError):
        return ""
