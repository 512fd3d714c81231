"""`hemabalance results`: write the tables of a finished `snakemake experiments` into a page in Markdown."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    results = commands.add_parser(
        "results",
        help="write the results of all experiments as Markdown: every table, reported beside measured, and verdicts",
        description="Write the tables of a finished `snakemake experiments` between the two markers of a Markdown "
        "file, with hours, hardware, and where the thesis's claims hold. Text outside of the markers is kept.",
    )
    results.add_argument(
        "--run", dest="run_folder", type=Path, default=Path("results/experiments"), metavar="FOLDER",
        help="folder of the run; default: results/experiments",
    )  # fmt: skip
    results.add_argument("--into", type=Path, required=True, metavar="FILE", help="such as RESULTS.md")
    results.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page; the exit code is 0."""
    from hemabalance.report.results.block import text_around, write_block
    from hemabalance.report.results.page import results_page

    before, after = text_around(args.into)
    write_block(args.into, results_page(args.run_folder), before, after)
    print(f"written: {args.into}")
    return 0
