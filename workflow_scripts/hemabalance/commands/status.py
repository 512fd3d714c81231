"""`hemabalance status`: state of each rule's outputs, here and in DVC, and what would run; or where time went."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.commands.snakemake_arguments import (
    SNAKEMAKE_STATE,
    add_snakemake_arguments,
    chosen_run,
    snakemake_arguments,
)
from hemabalance.errors import InputError

_CONFIGURED = Path()
"""Stands for the folder of the run that the config names."""


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    status = commands.add_parser(
        "status",
        help="show what is up to date, stale or missing, and why",
        description="One line per rule: how many of its files are up to date here, only in DVC (cache or remote), "
        "stale (with the first reason) or missing; and one line for the run: outputs done and left, jobs that run now, "
        "and about how long the rest takes.",
    )
    add_snakemake_arguments(status)
    status.add_argument(
        "--times", nargs="?", type=Path, const=_CONFIGURED, metavar="RUN-FOLDER",
        help="show instead where the time of a run went: by rule, and the longest chain of jobs; default: the run of "
        "the config. A job that resumed counts from where it resumed",
    )  # fmt: skip
    status.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table, or the times; the exit code is 0."""
    if args.times is not None:
        return _print_times(args)
    from hemabalance.bookkeeping.run_state import state_line, without_unfinished
    from hemabalance.bookkeeping.status import IN_DVC, STATES, rule_statuses
    from hemabalance.bookkeeping.summary import summary
    from hemabalance.bookkeeping.surroundings import use_writable_folders

    use_writable_folders(SNAKEMAKE_STATE)
    outputs = without_unfinished(summary(snakemake_arguments(args)), SNAKEMAKE_STATE)
    table = rule_statuses(outputs)
    width = max((len(row.rule) for row in table), default=4)
    print(f"{'rule':{width}}  " + "  ".join(f"{state:>10}" for state in STATES) + "  reason")
    for row in table:
        counts = "  ".join(f"{row.counts.get(state, 0):>10}" for state in STATES)
        print(f"{row.rule:{width}}  {counts}  {row.reason}".rstrip())
    pending = sorted({output.rule for output in outputs if output.pending})
    print(f"snakemake would run: {', '.join(pending) or 'nothing'}")
    print(state_line(outputs, table, chosen_run(args), SNAKEMAKE_STATE))
    if any(row.counts.get(IN_DVC) for row in table):
        print("Each file that is only in DVC is fetched when its job is due; `dvc pull` fetches all of them at once.")
    return 0


def _print_times(args: argparse.Namespace) -> int:
    from hemabalance.bookkeeping.run_times import run_times
    from hemabalance.commands.times_table import times_lines

    if args.targets:
        remedy = "Name only the folder of a run after --times, such as results/demo"
        raise InputError(" ".join(args.targets), "cannot be chosen with --times, which shows all jobs of a run", remedy)
    folder = chosen_run(args) if args.times is _CONFIGURED else args.times
    for line in times_lines(run_times(folder)):
        print(line)
    return 0
