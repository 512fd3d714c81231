"""What a person calls without the workflow."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from hemabalance.commands import config, export, export_images, predict, publish, reproduce, resources, status
from hemabalance.errors import InputError

COMMANDS = (predict, export, export_images, reproduce, publish, status, resources, config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 on success, 1 with one readable message on an `InputError`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here, where a reader that has gone is met
        return code
    except InputError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        # Whoever read the output has seen enough (`| head`); Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hemabalance", description="What a person calls without the workflow.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
