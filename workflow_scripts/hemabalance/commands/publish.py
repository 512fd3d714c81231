"""`hemabalance publish`: put the workflow's outputs under DVC, each with a seal that holds its provenance."""

import argparse
from collections import Counter
from typing import Any

from hemabalance.commands.snakemake_arguments import SNAKEMAKE_STATE, add_snakemake_arguments, snakemake_arguments


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    publish = commands.add_parser(
        "publish",
        help="version up-to-date outputs with DVC, and seal them",
        description="Version every output that is up to date, and the archives that it was made from, with DVC. A "
        "small .dvc file is written beside each, for git. `dvc push` copies the contents to a remote.",
    )
    add_snakemake_arguments(publish)
    publish.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Publish, and print what was published and what was left out, with reasons; the exit code is 0."""
    from hemabalance.bookkeeping.locks import locked
    from hemabalance.bookkeeping.publish import publish, require_git
    from hemabalance.bookkeeping.summary import summary
    from hemabalance.bookkeeping.surroundings import use_writable_folders
    from hemabalance.bookkeeping.workflow_packages import require_workflow

    require_workflow("dvc")
    require_git()
    use_writable_folders(SNAKEMAKE_STATE)
    with locked(SNAKEMAKE_STATE / "hemabalance" / "publish.lock"):
        outputs = summary(snakemake_arguments(args))
        published = publish(outputs, SNAKEMAKE_STATE)
    rules = {output.path: output.rule for output in outputs}
    for path in published.archives:
        print(f"archive    {path}")
    for rule, n in sorted(Counter(rules[path] for path in published.sealed).items()):
        print(f"published  {rule}: {n} file{'s' if n > 1 else ''}")
    for path, reason in sorted(published.left_out.items()):
        print(f"left out   {path}: {reason}")
    counts = f"{len(published.sealed)} outputs and {len(published.archives)} archives"
    print(f"{counts} are under DVC, {len(published.left_out)} left out.")
    print("Next: git add --all data results && git commit && dvc push")
    return 0
