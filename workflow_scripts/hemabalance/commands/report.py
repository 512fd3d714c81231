"""`hemabalance report`: where the pages of a run are and what they say, or what makes them."""

import argparse
import json
import re
import shlex
import webbrowser
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError

PAGE = "report.html"
_ANSWERS = {
    "": ("headline.json", "answer"),
    "experiments": ("headline.json", "answer"),
    "scarcity": ("sentence.json", "sentence"),
    "across": ("sentence.json", "sentence"),
}
"""Folder of a page in a run -> file in its `tables`, and key, of the answer."""


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    report = commands.add_parser(
        "report",
        help="print where the report of a run is and what it says",
        description="Print path, size and headline of each page of a finished run, or the command that makes the page.",
    )
    report.add_argument("run_folder", type=Path, metavar="RUN", help="folder of a run, such as results/demo")
    report.add_argument("--open", action="store_true", help="open the first page in the browser")
    report.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the pages; the exit code is 1 if the browser cannot be started, else 0."""
    folder = args.run_folder
    pages = {part: path for part in _ANSWERS if (path := folder / part / PAGE).is_file()}
    if not pages:
        problem = f"holds no {PAGE}: the run is not finished" if folder.is_dir() else "does not exist"
        raise InputError(
            folder.absolute(), problem, f"Make it with `{command_of(folder.absolute().name)}`{_others(folder)}"
        )
    for part, page in pages.items():
        print(f"{page}  {page.stat().st_size / 1e6:.1f} MB")
        print(f"  {_answer(page, *_ANSWERS[part])}")
    first = next(iter(pages.values())).absolute()
    if args.open and not webbrowser.open(first.as_uri()):
        print(f"no browser was found: open {first} by hand")
        return 1
    return 0


def _answer(page: Path, name: str, key: str) -> str:
    try:
        content = json.loads((page.parent / "tables" / name).read_text("utf-8"))
    except (OSError, ValueError):
        return f"Its headline is unknown: tables/{name} is missing or damaged."
    return str(content[key]) if content else "This run compares no classifiers."


def command_of(run_name: str) -> str:
    """The command that makes the pages of a run: a target of the Makefile, or a config file in the working folder."""
    from hemabalance.config.run import read_config_file

    makefile = Path("Makefile")
    if makefile.is_file() and re.search(rf"^{re.escape(run_name)}:", makefile.read_text("utf-8"), re.MULTILINE):
        return f"make {run_name}"
    config = Path("config.yaml")
    for path in (config, *sorted(Path().glob("*.yaml")), *sorted(Path("profiles/overlays").glob("*.yaml"))):
        try:
            is_named = read_config_file(path).get("run") == run_name
        except (OSError, InputError):
            continue
        if is_named:
            files = [] if path == config else ["--configfile", str(config), str(path)]
            return shlex.join(["snakemake", "--cores", "2", *files])
    return shlex.join(["snakemake", "--cores", "2", "--config", f"run={run_name}"])


def _others(folder: Path) -> str:
    others = sorted({str(page.parent) for page in folder.absolute().parent.glob(f"*/{PAGE}")})
    return f", or choose {', '.join(others)}" if others else ""
