"""`hemabalance generate`: sample images of a class from a trained generator."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.api.devices import AUTO_DEVICE, DEVICES, resolve_device
from hemabalance.api.options import cores
from hemabalance.commands.arguments import count


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    generate = commands.add_parser(
        "generate",
        help="sample synthetic images of a class from a trained generator",
        description="Write synthetic images of one class as PNGs, images.csv, a contact sheet and a README. They have "
        "not passed the gate of the workflow. The same weights and seed give the same images on one machine.",
    )
    generate.add_argument(
        "model", type=Path, metavar="MODEL", help="results/<run>/<protocol>/synthesis/<normalizer>/<generator> of a run"
    )
    generate.add_argument("--class", dest="label", required=True, metavar="X", help="one of the classes of the model")
    generate.add_argument("--n", type=count, default=50, metavar="N", help="number of images; default: 50")
    generate.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="folder to fill, new or empty")
    generate.add_argument("--seed", type=int, default=1, metavar="S", help="0 or more; default: 1")
    generate.add_argument("--device", choices=DEVICES, default=AUTO_DEVICE, help="default: auto, a GPU if there is one")
    generate.add_argument("--threads", type=count, default=cores(), metavar="N", help="default: all cores")
    generate.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the images; the exit code is 0."""
    from hemabalance.new_folder import check_free_folder

    check_free_folder(args.into)
    from hemabalance.api.generate_files import generate_into
    from hemabalance.api.generator import Generator
    from hemabalance.api.runtime import torch_threads

    generator = Generator.load(args.model, device=resolve_device(args.device), threads=args.threads)
    with torch_threads(args.threads):
        generate_into(generator, args.label, args.n, args.into, seed=args.seed)
    print(f"written: {args.n:,} synthetic images of {args.label} to {args.into}; they have not passed the gate")
    return 0
