"""What a person calls without the workflow."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from hemabalance.errors import InputError
from hemabalance.files import atomic_path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 on success, 1 with one readable message on an `InputError`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    asked = _parser().parse_args(arguments)
    try:
        asked.run(asked)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hemabalance", description="What a person calls without the workflow.")
    commands = parser.add_subparsers(required=True, metavar="command")
    show = commands.add_parser("show", help="make one synthetic image again, and say where it came from")
    show.add_argument("index", type=Path, metavar="IMAGES.parquet", help="of a generator's image set")
    show.add_argument("image_id", metavar="IMAGE_ID", help="such as monoblast-0000000007")
    show.add_argument("--out", type=Path, metavar="PNG", help="where to write it; IMAGE_ID.png if not given")
    show.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the generator runs")
    show.set_defaults(run=_show)
    return parser


def _show(asked: argparse.Namespace) -> None:
    # PyTorch takes seconds to load, which `--help` should not.
    from hemabalance.dataset.imageset import png_sha256
    from hemabalance.synthesis.show import make_again
    from hemabalance.training.device import start

    runtime = start(device=asked.device, precision="32", devices=1, seed=0, threads=1)
    shown = make_again(asked.index, asked.image_id, runtime)
    out = asked.out or Path(f"{asked.image_id}.png")
    try:
        with atomic_path(out) as part:
            Image.fromarray(shown.pixels).save(part, "PNG")
    except OSError as error:
        raise InputError(out, f"cannot be written ({error.strerror})", "Choose another place with --out") from error
    for name, value in shown.provenance.items():
        print(f"{name}: {value}")
    same = png_sha256(shown.pixels) == shown.sha256
    print(f"written: {out} ({'the same image' if same else 'NOT the same bytes: made on another machine or version'})")
