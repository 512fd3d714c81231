"""`hemabalance status`: where each stage stands, here and in DVC, and what Snakemake would run."""

import argparse
from typing import Any

from hemabalance.commands.snakemake_arguments import add_snakemake_arguments, snakemake_arguments


def add(commands: Any) -> None:
    """Add the command to what `ArgumentParser.add_subparsers` returned."""
    status = commands.add_parser(
        "status",
        help="say what is up to date, stale or missing, and why",
        description="One line a rule: how many of its files are up to date here, only in DVC's cache or remote, stale "
        "(with the first reason) or missing.",
    )
    add_snakemake_arguments(status)
    status.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from hemabalance.bookkeeping.status import IN_DVC, STATES, stages
    from hemabalance.bookkeeping.summary import summary

    outputs = summary(snakemake_arguments(args))
    table = stages(outputs)
    width = max((len(row.rule) for row in table), default=4)
    print(f"{'rule':{width}}  " + "  ".join(f"{state:>10}" for state in STATES) + "  why")
    for row in table:
        counts = "  ".join(f"{row.counts.get(state, 0):>10}" for state in STATES)
        print(f"{row.rule:{width}}  {counts}  {row.why}".rstrip())
    would = sorted({output.rule for output in outputs if output.pending})
    print(f"snakemake would run: {', '.join(would) or 'nothing'}")
    if any(row.counts.get(IN_DVC) for row in table):
        print("What is only in DVC is taken from there when its turn comes, or all at once by `dvc pull`.")
    return 0
