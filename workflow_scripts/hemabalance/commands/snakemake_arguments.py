"""Arguments by which commands tell Snakemake which run they are about."""

import argparse
from pathlib import Path

SNAKEMAKE_STATE = Path(".snakemake")
"""Of the project in the working folder."""


def add_snakemake_arguments(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="files or rules; default: all")
    parser.add_argument("--configfile", nargs="+", default=[], metavar="FILE", help="as snakemake takes them")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="as snakemake takes them")


def snakemake_arguments(args: argparse.Namespace) -> list[str]:
    """The same as Snakemake's own arguments."""
    chosen = [(f"--{name}", getattr(args, name)) for name in ("configfile", "config")]
    options = [part for option, values in chosen if values for part in (option, *values)]
    return [*options, *(["--", *args.targets] if args.targets else [])]
