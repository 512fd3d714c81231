"""`hemabalance init`: look at laboratories' images and propose a config for a run on them."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    init = commands.add_parser(
        "init",
        help="look at your own images and propose a config for them",
        description="Look at the images of one or more laboratories, without decoding all of them, and write a config "
        "that proposes sources, labels, classes and scales. Every guess is marked in the file.",
    )
    init.add_argument(
        "laboratories", nargs="+", metavar="LAB",
        help="folder, zip or tar of single-cell images, or a table of images in the folder that holds them",
    )  # fmt: skip
    init.add_argument(
        "--labels", action="append", default=[], metavar="FILE",
        help="table (CSV, Excel or Parquet) with one row an image: file name, label, perhaps patient and experts; may "
        "be repeated",
    )  # fmt: skip
    init.add_argument("--into", type=Path, default=Path("my.yaml"), metavar="FILE", help="default: my.yaml")
    init.add_argument("--force", action="store_true", help="overwrite the file")
    init.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the config and print what was found; the exit code is 0."""
    check_target(args.into)
    if args.into.exists() and not args.force:
        raise InputError(args.into, "exists already", "Choose another name with --into, or overwrite it with --force")
    from hemabalance.survey.check import check_loads
    from hemabalance.survey.proposal import config_text
    from hemabalance.survey.summary import summary_lines
    from hemabalance.survey.survey import survey

    threads = min(4, os.cpu_count() or 1)
    found = survey(args.laboratories, args.labels, into=str(args.into), threads=threads)
    text = config_text(found, run_name=run_name(args.into))
    check_loads(text, found.run.base, where=str(args.into))
    with atomic_path(args.into) as part:
        part.write_text(text, "utf-8")
    for line in summary_lines(found):
        print(line)
    print(f"\nwritten: {args.into}. Read the lines with `guess` in it, then run ({found.run.why}):")
    print(f"  {found.run.command}")
    return 0


def run_name(into: Path) -> str:
    """The name of the run: that of the config file, as `run` in config allows it."""
    return re.sub(r"[^a-z0-9]+", "-", into.stem.lower()).strip("-") or "my"
