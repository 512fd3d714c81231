"""The command line `hemabalance`: commands for use outside of the workflow."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from hemabalance.commands import (
    check_gpu,
    config,
    export,
    export_images,
    init,
    predict,
    publish,
    reproduce,
    resources,
    status,
)
from hemabalance.errors import InputError

COMMANDS = (init, predict, export, export_images, reproduce, publish, status, resources, check_gpu, config)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The command's exit code; 1, with one readable message on stderr, after an `InputError`.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # inside `try`: a closed pipe is noticed here
        return code
    except InputError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError:
        # The reader closed the pipe (`| head`). Without this, Python would print another error when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser() -> argparse.ArgumentParser:
    description = "Use and publish the results of the hemabalance workflow. The workflow itself is run by snakemake."
    parser = argparse.ArgumentParser(prog="hemabalance", description=description)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in COMMANDS:
        command.add(commands)
    return parser
