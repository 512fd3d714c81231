"""`hemabalance resources`: estimate memory and run time of cluster jobs from measured runs."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    resources = commands.add_parser(
        "resources",
        help="estimate memory and run time of cluster jobs from finished runs",
        description="Read the benchmarks of runs, and write the memory and run time of each rule as functions of the "
        "size of a job's inputs: the section set-resources of a Snakemake profile. Jobs that fetched their outputs "
        "from DVC or resumed from a checkpoint are underestimated: measure runs without such jobs.",
    )
    resources.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, such as results/demo")
    resources.add_argument(
        "--into",
        type=Path,
        metavar="FILE",
        help="profile in which to replace set-resources, which must be its last key",
    )
    resources.add_argument(
        "--gpu",
        type=Path,
        metavar="FILE",
        help="gpu.json of `hemabalance check-gpu`: run time and memory of its trainings instead of a day and 6 GB more",
    )
    resources.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the section, or write it into a profile; the exit code is 0."""
    from hemabalance.cluster.benchmarks import measured_jobs
    from hemabalance.cluster.demand import demands
    from hemabalance.cluster.gpu_measurements import read_gpu_rules
    from hemabalance.cluster.profile import check_profile, replace_section, set_resources

    if args.into is not None:
        check_profile(args.into)
    gpu = {} if args.gpu is None else read_gpu_rules(args.gpu)
    by_rule = demands([job for folder in args.runs for job in measured_jobs(folder)], gpu)
    section = set_resources(by_rule)
    if args.into is None:
        print(section, end="")
    else:
        replace_section(args.into, section)
        print(f"{args.into}: {len(by_rule)} rules, from {sum(len(demand.jobs) for demand in by_rule.values())} jobs")
    return 0
