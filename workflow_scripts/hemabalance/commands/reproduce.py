"""`hemabalance reproduce`: generate one synthetic image again, and print its provenance."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    parser = commands.add_parser("reproduce", help="generate one synthetic image again, and print its provenance")
    parser.add_argument("index", type=Path, metavar="IMAGES.parquet", help="index of a generator's image set")
    parser.add_argument("image_id", metavar="IMAGE_ID", help="such as lymphocyte_blast-0000000007")
    parser.add_argument("--out", type=Path, metavar="PNG", help="file to write; default: IMAGE_ID.png")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="device of the generator")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the image and print its provenance; the exit code is 0."""
    from PIL import Image

    from hemabalance.dataset.imageset import png_sha256
    from hemabalance.synthesis.reproduce import reproduce_image
    from hemabalance.training.device import start

    out = args.out or Path(f"{args.image_id}.png")
    check_target(out)
    runtime = start(device=args.device, precision="32", devices=1, seed=0, threads=1)
    image = reproduce_image(args.index, args.image_id, runtime)
    try:
        with atomic_path(out) as part:
            Image.fromarray(image.pixels).save(part, "PNG")
    except OSError as error:
        raise InputError(out, f"cannot be written ({error.strerror})", "Choose another file with --out") from error
    for name, value in image.provenance.items():
        print(f"{name}: {value}")
    same = png_sha256(image.pixels) == image.sha256
    difference = "NOT the same bytes: another machine or version generated the original"
    print(f"written: {out} ({'the same image' if same else difference})")
    return 0
