"""`hemabalance results`: write the tables of a finished run into a page in Markdown."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.report.results.block import PARTS


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    results = commands.add_parser(
        "results",
        help="write the results of all experiments as Markdown: every table, reported beside measured, and verdicts",
        description="Write the tables of a finished `snakemake experiments` between the two markers of a Markdown "
        "file, with hours, hardware, and where the thesis's claims hold; or those of a finished `snakemake scarcity` "
        "or `snakemake across`. Text outside of the markers is kept.",
    )
    results.add_argument(
        "--part", choices=PARTS, default=PARTS[0],
        help="experiments: every table; scarcity, across: the answer of this target of Snakemake; default: experiments",
    )  # fmt: skip
    results.add_argument(
        "--run", dest="run_folder", type=Path, metavar="FOLDER",
        help="folder of the run; default: results/ and the name of the part",
    )  # fmt: skip
    results.add_argument("--into", type=Path, required=True, metavar="FILE", help="such as RESULTS.md")
    results.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page; the exit code is 0."""
    from hemabalance.report.results.answers import ANSWERS, answer_part
    from hemabalance.report.results.block import text_around, write_block
    from hemabalance.report.results.page import results_page

    before, after = text_around(args.into, args.part)
    run_folder = args.run_folder or Path("results") / args.part
    block = answer_part(run_folder, args.part) if args.part in ANSWERS else results_page(run_folder)
    write_block(args.into, block, args.part, before, after)
    print(f"written: {args.into}")
    return 0
