"""`hemabalance resources`: what jobs need of a cluster, from runs that were measured."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to what `ArgumentParser.add_subparsers` returned."""
    resources = commands.add_parser(
        "resources",
        help="learn from finished runs what jobs need of a cluster",
        description="Read the benchmarks of runs, and write for each rule the memory and run time to ask a cluster "
        "for, by the size of a job's inputs: the part set-resources of a Snakemake profile. Jobs that took their "
        "outputs from DVC or went on from a checkpoint show less than they need: measure runs that did neither.",
    )
    resources.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, such as results/demo")
    resources.add_argument(
        "--into", type=Path, metavar="FILE", help="profile whose set-resources, its last key, to replace"
    )
    resources.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the part, or put it into a profile."""
    from hemabalance.cluster.benchmarks import measured_jobs
    from hemabalance.cluster.demand import demands
    from hemabalance.cluster.profile import replace_part, set_resources

    by_rule = demands([job for folder in args.runs for job in measured_jobs(folder)])
    part = set_resources(by_rule)
    if args.into is None:
        print(part, end="")
    else:
        replace_part(args.into, part)
        print(f"{args.into}: {len(by_rule)} rules, from {sum(len(demand.jobs) for demand in by_rule.values())} jobs")
    return 0
