"""`hemabalance reproduce`: make one synthetic image again, and say where it came from."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError
from hemabalance.files import atomic_path


def add(commands: Any) -> None:
    """Add the command to what `ArgumentParser.add_subparsers` returned."""
    show = commands.add_parser("reproduce", help="make one synthetic image again, and say where it came from")
    show.add_argument("index", type=Path, metavar="IMAGES.parquet", help="of a generator's image set")
    show.add_argument("image_id", metavar="IMAGE_ID", help="such as monoblast-0000000007")
    show.add_argument("--out", type=Path, metavar="PNG", help="where to write it; IMAGE_ID.png if not given")
    show.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the generator runs")
    show.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the image, print its provenance."""
    from PIL import Image

    from hemabalance.dataset.imageset import png_sha256
    from hemabalance.synthesis.reproduce import reproduce_image
    from hemabalance.training.device import start

    runtime = start(device=args.device, precision="32", devices=1, seed=0, threads=1)
    shown = reproduce_image(args.index, args.image_id, runtime)
    out = args.out or Path(f"{args.image_id}.png")
    try:
        with atomic_path(out) as part:
            Image.fromarray(shown.pixels).save(part, "PNG")
    except OSError as error:
        raise InputError(out, f"cannot be written ({error.strerror})", "Choose another place with --out") from error
    for name, value in shown.provenance.items():
        print(f"{name}: {value}")
    same = png_sha256(shown.pixels) == shown.sha256
    print(f"written: {out} ({'the same image' if same else 'NOT the same bytes: made on another machine or version'})")
    return 0
