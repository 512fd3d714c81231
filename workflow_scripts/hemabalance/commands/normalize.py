"""`hemabalance normalize`: bring images to the stain of a reference, and write them as PNGs."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemabalance.api.devices import AUTO_DEVICE, DEVICES
from hemabalance.api.options import cores
from hemabalance.commands.arguments import count
from hemabalance.commands.terminal import printable
from hemabalance.errors import InputError
from hemabalance.sources.formats import READABLE

if TYPE_CHECKING:
    from hemabalance.api.normalizer import Normalizer

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    normalize = commands.add_parser(
        "normalize",
        help="bring images to the stain of a reference",
        description="Write each image in another stain as a PNG of the same relative name below FOLDER, and "
        "before_after.png, which shows some of them. With several folders or zips, each has a folder of its own name "
        "there. The exit code is 1 if an image cannot be read; all others are still written.",
    )
    normalize.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE_OR_FOLDER_OR_ZIP", help=f"{READABLE}; all images of a folder"
    )
    how = normalize.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--model", type=Path, metavar="FOLDER",
        help="fitted normaliser: results/<run>/<protocol>/stain/<normalizer>/<source> of a run, which brings images of "
        "that source to the stain of the reference of the run",
    )  # fmt: skip
    how.add_argument(
        "--method", metavar="NAME", help="reinhard, macenko or vahadane, fitted to the images of --reference"
    )
    normalize.add_argument(
        "--reference", type=Path, action="append", default=[], metavar="IMAGES",
        help="with --method: image, folder or zip in the stain that is wanted; may be repeated",
    )  # fmt: skip
    normalize.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="folder to fill, new or empty")
    normalize.add_argument(
        "--device",
        choices=DEVICES,
        default=AUTO_DEVICE,
        help="of networks; default: auto, a GPU if there is one",
    )
    normalize.add_argument("--threads", type=count, default=cores(), metavar="N", help="default: all cores")
    normalize.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write all images; the exit code is 1 if one could not be read, else 0."""
    from hemabalance.new_folder import check_free_folder

    check_free_folder(args.into)
    if (args.method is None) == bool(args.reference):
        problem = "is missing beside --method" if args.method else "is given beside --model, which has one"
        raise InputError("--reference", problem, "Give --model FOLDER, or --method NAME --reference IMAGES")

    from hemabalance.api.normalize_files import named_images, normalize_into
    from hemabalance.api.runtime import torch_threads

    normalizer = _normalizer(args)
    with named_images(args.images) as images, torch_threads(args.threads):
        result = normalize_into(images, normalizer, args.into, threads=args.threads, unreadable=_print_unreadable)
    if result.unchanged:
        log.info("%d images show too little stain and are written as they are", result.unchanged)
    print(f"written: {result.written:,} images to {args.into}, {result.failed:,} could not be read")
    return int(result.failed > 0)


def _print_unreadable(path: str, reason: str) -> None:
    print(f"{printable(path)}  -  {printable(reason)}")


def _normalizer(args: argparse.Namespace) -> "Normalizer":
    from hemabalance.api.devices import resolve_device
    from hemabalance.api.normalizer import Normalizer

    if args.model is not None:
        return Normalizer.load(args.model, device=resolve_device(args.device), threads=args.threads)
    return Normalizer.fit(args.method, reference=args.reference, threads=args.threads)
