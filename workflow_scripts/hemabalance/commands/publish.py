"""`hemabalance publish`: put what the workflow made under DVC, each file with the proof of what made it."""

import argparse
from collections import Counter
from typing import Any

from hemabalance.commands.snakemake_arguments import SNAKEMAKE_STATE, add_snakemake_arguments, snakemake_arguments


def add(commands: Any) -> None:
    """Add the command to what `ArgumentParser.add_subparsers` returned."""
    publish = commands.add_parser(
        "publish",
        help="version what is up to date with DVC, and seal it",
        description="Version every output that is up to date, and the archives it was made from, with DVC. Beside each "
        "a small .dvc file is written, for git. `dvc push` brings the contents to a remote.",
    )
    add_snakemake_arguments(publish)
    publish.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish, and say what was published and what was not."""
    from hemabalance.bookkeeping.locks import locked
    from hemabalance.bookkeeping.publish import publish
    from hemabalance.bookkeeping.summary import summary

    with locked(SNAKEMAKE_STATE / "hemabalance" / "publish.lock"):
        outputs = summary(snakemake_arguments(args))
        done = publish(outputs, SNAKEMAKE_STATE)
    rules = {output.path: output.rule for output in outputs}
    for path in done.archives:
        print(f"archive    {path}")
    for rule, n in sorted(Counter(rules[path] for path in done.sealed).items()):
        print(f"published  {rule}: {n} file{'s' if n > 1 else ''}")
    for path, why in sorted(done.left_out.items()):
        print(f"left out   {path}: {why}")
    print(f"{len(done.sealed)} outputs and {len(done.archives)} archives are under DVC, {len(done.left_out)} left out.")
    print("Now: git add --all data results && git commit && dvc push")
    return 0
