"""`hemabalance serve`: a local page that classifies the images that are dropped on it."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.api.devices import DEVICES
from hemabalance.api.options import cores

PACKAGES = ("aiohttp",)
_MAX_PORT = 65535


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    serve = commands.add_parser(
        "serve",
        help="open a local page that classifies images",
        description="Serve a page on this computer (127.0.0.1) on which images or folders are dropped, labels are "
        "corrected by hand, and the table is downloaded as CSV. Nothing leaves the computer. For research only; not a "
        "medical device.",
    )
    serve.add_argument("model", type=Path, metavar="MODEL", help="model.json of a classifier, or its folder")
    serve.add_argument("--port", type=_port, default=8000, metavar="N", help="default: 8000; 0: any free port")
    serve.add_argument("--device", choices=DEVICES, default=DEVICES[0], help=f"default: {DEVICES[0]}")
    serve.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; the exit code is 0."""
    from hemabalance.optional_packages import import_optional

    import_optional(PACKAGES[0], PACKAGES, purpose="the page")
    import asyncio

    from hemabalance.api.devices import resolve_device
    from hemabalance.serve.answers import Answers, quiet_batches
    from hemabalance.serve.server import serve

    answers = Answers.open(args.model, device=resolve_device(args.device), threads=cores())
    quiet_batches()
    try:
        asyncio.run(serve(answers, args.port))
    except KeyboardInterrupt:
        print("The page is closed.")
    return 0


def _port(text: str) -> int:
    if not 0 <= (port := int(text)) <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be 0 to {_MAX_PORT}")
    return port
