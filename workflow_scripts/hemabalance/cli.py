"""The command line `hemabalance`: commands for use outside of the workflow."""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

from hemabalance.commands import (
    check_gpu,
    config,
    dedup,
    export,
    export_images,
    generate,
    init,
    normalize,
    predict,
    publish,
    report,
    reproduce,
    resources,
    results,
    serve,
    status,
)
from hemabalance.commands.terminal import discard_output, ended_by_signals, is_lost_output, prepare_output
from hemabalance.errors import InputError
from hemabalance.freed_memory import keep_freed_memory

COMMANDS = (
    init,
    normalize,
    predict,
    serve,
    dedup,
    generate,
    export,
    export_images,
    reproduce,
    publish,
    status,
    results,
    report,
    resources,
    check_gpu,
    config,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The command's exit code; 1, with one readable message on stderr, after an `InputError`, if stdout takes no more
        or without a package of the extra `workflow` that the command needs; 130 after Ctrl-C.
    """
    prepare_output()
    keep_freed_memory()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    try:
        with ended_by_signals():
            code = int(options.run(options))
        sys.stdout.flush()  # inside `try`: a closed pipe is noticed here
        return code
    except InputError as error:
        print(error, file=sys.stderr)
    except ModuleNotFoundError as error:
        from hemabalance.bookkeeping.workflow_packages import as_input_error

        problem = as_input_error(error)
        if problem is None:
            raise
        print(problem, file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except OSError as error:
        if not is_lost_output(error):
            raise
        discard_output()
        if not isinstance(error, BrokenPipeError):  # a reader that has seen enough (`| head`) is no news
            print(f"standard output: cannot be written ({error.strerror}).", file=sys.stderr)
    return 1


class _Parser(argparse.ArgumentParser):
    """A parser of a command: options may stand before, after and between the other arguments."""

    _is_entered = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as `parse_known_intermixed_args`, which calls this method again in some versions of Python."""
        if self._is_entered:
            return super().parse_known_args(args, namespace)
        self._is_entered = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_entered = False


def _parser() -> argparse.ArgumentParser:
    description = "Use and publish the results of the hemabalance workflow. The workflow itself is run by snakemake."
    parser = argparse.ArgumentParser(prog="hemabalance", description=description)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.set_defaults(run=lambda options: _print_about(parser, options))
    commands = parser.add_subparsers(metavar="command", parser_class=_Parser)
    for command in COMMANDS:
        command.add(commands)
    return parser


def _print_about(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Without a command: print the version, or the help; the exit code is 0."""
    if options.version:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"hemabalance {version('hemabalance')}")
        except PackageNotFoundError:
            print("hemabalance, from a checkout that is not installed")
    else:
        parser.print_help()
    return 0
