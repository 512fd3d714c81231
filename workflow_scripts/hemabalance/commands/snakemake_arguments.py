"""Command-line arguments that select a run, and are passed on to Snakemake."""

import argparse
from pathlib import Path

SNAKEMAKE_STATE = Path(".snakemake")
"""Snakemake's folder in the working folder."""


def add_snakemake_arguments(parser: argparse.ArgumentParser) -> None:
    """Add targets, --configfile and --config to a command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="files or rules; default: all")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="as for snakemake")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake")


def snakemake_arguments(args: argparse.Namespace) -> list[str]:
    """The arguments for Snakemake's command line."""
    chosen = [(f"--{name}", getattr(args, name)) for name in ("configfile", "config")]
    options = [part for option, values in chosen if values for part in (option, *values)]
    return [*options, *(["--", *args.targets] if args.targets else [])]


def chosen_run(args: argparse.Namespace) -> Path:
    """The folder of the run that the config of the arguments names, relative to the working folder.

    Raises:
        InputError: a config file is missing or is not valid YAML.
    """
    from hemabalance.config.overlays import read_overlaid
    from hemabalance.config.run import Config

    values = read_overlaid([Path("config.yaml"), *map(Path, args.configfile)])
    given = [entry.removeprefix("run=") for entry in args.config if entry.startswith("run=")]
    return Path("results") / str([values.get("run", Config.model_fields["run"].default), *given][-1])
