"""`hemabalance export-images`: export a balanced set as PNGs, or as Parquet for Hugging Face `datasets`."""

import argparse
import json
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError

_PER_FILE = 5000  # images


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    export = commands.add_parser(
        "export-images",
        help="write a balanced set as PNGs or Parquet",
        description="Write all images of a balanced set at their working size, as OUT/part/class/file.png or, with "
        "--parquet, as files for `datasets.load_dataset(OUT)`; and README.md, a card with the licences and citations "
        "of the sources, which have to be passed on with the images. OUT must not exist.",
    )
    export.add_argument("balanced", type=Path, metavar="BALANCED", help="folder of a balanced set in a run's results")
    export.add_argument("out", type=Path, metavar="OUT", help="folder to create")
    export.add_argument("--parquet", action="store_true", help="Parquet instead of PNGs")
    export.add_argument("--threads", type=int, default=2, metavar="N", help="images processed in parallel (default 2)")
    export.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export all images; the exit code is 0."""
    from hemabalance.balance.balanced_set import REAL, read_balanced
    from hemabalance.balance.dataset_card import render_card, sources_of
    from hemabalance.balance.export import export_folder, export_parquet
    from hemabalance.dataset.imageset import open_sets
    from hemabalance.files import check_new_folder

    check_new_folder(args.out)
    rows, audit = read_balanced(args.balanced / "images.parquet"), _audit(args.balanced)
    normalizer = next(entry["name"] for entry in audit["seen"] if entry["kind"] == "normalizer")
    protocol = args.balanced.absolute().parents[1]
    names = sorted(set(rows["image_set"]))
    folders = [
        protocol / "stain" / normalizer if name == REAL else protocol / "synthesis" / normalizer / name
        for name in names
    ]
    zips, indexes = ([str(folder / f"images.{kind}") for folder in folders] for kind in ("zip", "parquet"))
    real = sorted(set(rows.loc[rows["origin"] == "real", "source"]))
    title = f"Balanced set {audit['recipe']}, protocol {audit['protocol']}"
    card = render_card(rows, sources_of(protocol.parent, real), audit["content"]["size"], title=title)
    with open_sets(names, zips, indexes) as sets:
        size = audit["content"]["size"]
        if args.parquet:
            options = {"images_per_file": _PER_FILE, "threads": args.threads, "card": card}
            export_parquet(rows, sets, size, args.out, classes=audit["classes"], **options)
        else:
            export_folder(rows, sets, size, args.out, threads=args.threads, card=card)
    print(f"written: {len(rows):,} images of {size} px to {args.out}")
    return 0


def _audit(folder: Path) -> dict[str, Any]:
    path = folder / "audit.json"
    try:
        audit: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Choose the folder of a balanced set, such as results/full/leak_free/balanced/balanced"
        raise InputError(path.absolute(), "is missing or damaged", remedy) from error
    if "classes" not in audit:
        problem = "was written by an earlier version, without the classes"
        raise InputError(path.absolute(), problem, "Run the workflow again")
    return audit
