"""`hemabalance config`: print default, allowed values and description of each key of the config."""

import argparse
import shutil
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    config = commands.add_parser(
        "config",
        help="print the keys of the config: default, allowed values, description",
        description="Print the keys of the config. Entries are those of config.yaml in the working folder; the name of "
        "a method stands for an entry with its default settings.",
    )
    config.add_argument("key", nargs="?", default="", metavar="KEY", help="key, such as stain.normalizers.wcyclegan_gp")
    config.add_argument("--schema", action="store_true", help="print a JSON schema")
    config.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the description, or the JSON schema, of a key; the exit code is 0."""
    from hemabalance.config.describe import describe_key, schema_of
    from hemabalance.config.entries import methods_of_entries
    from hemabalance.config.run import Config, read_config_file

    file = Path("config.yaml")
    try:
        entries = methods_of_entries(read_config_file(file))
    except ValueError as error:
        raise InputError(file, str(error), "Correct it") from error
    if args.schema:
        print(schema_of(args.key, Config, entries))
    else:
        print(describe_key(args.key, Config, entries, width=min(shutil.get_terminal_size().columns, 120)))
    return 0
