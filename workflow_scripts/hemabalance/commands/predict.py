"""`hemabalance predict`: predict classes and calibrated confidences of photographs."""

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemabalance.api.options import PredictionOptions, command_name, cores
from hemabalance.dataset.fields import AUTO
from hemabalance.sources.formats import READABLE

if TYPE_CHECKING:
    import pandas as pd

    from hemabalance.classify.model_file import OpenedModelFile

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    predict = commands.add_parser(
        "predict",
        help="predict the classes of the cells in images",
        description="Print path, class, calibrated confidence and flags of each image. Flags: grey (no colour), "
        "out_of_distribution (unlike the training images: do not trust the class), not_normalised (too little contrast "
        "for the normaliser). The exit code is 1 if an image cannot be read; all others are still classified.",
    )
    predict.add_argument("model", type=Path, metavar="MODEL", help="model.json of a classifier, or its folder")
    predict.add_argument(
        "images",
        type=Path,
        nargs="+",
        metavar="IMAGE_OR_FOLDER_OR_ZIP",
        help=f"{READABLE}; all images of a folder or zip",
    )
    predict.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="file to write, with the probabilities of all classes: .csv or .parquet",
    )
    predict.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="device of the model")
    predict.add_argument("--threads", type=_count, default=cores(), metavar="N", help="default: all cores")
    predict.add_argument(
        "--normalize-from",
        metavar="SOURCE",
        help="normalise images from the stain of this source of the model, as in training",
    )
    scale = predict.add_mutually_exclusive_group()
    scale.add_argument(
        "--source",
        metavar="SOURCE",
        help="use the same share of the frame as for this source in training; default: the source of --normalize-from, "
        "or that of most training images",
    )
    scale.add_argument(
        "--field",
        type=_share,
        metavar="SHARE",
        help=f"use this share of the frame (over 0, up to 1); `{AUTO}`: the share with which the cells of all these "
        "images together have the size of those in the training images",
    )
    predict.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict all images, print the predictions, and write them to `--out`.

    Returns:
        Exit code: 1 if an image could not be read, else 0.
    """
    import pandas as pd

    from hemabalance.api.predictor import field_of, open_predictor, require_sources
    from hemabalance.classify.inputs import open_inputs
    from hemabalance.classify.model_file import read_model_file
    from hemabalance.classify.predict import check_out, write_predicted
    from hemabalance.commands.terminal import discard_output, is_lost_output
    from hemabalance.progress import Meter

    if args.out is not None:
        check_out(args.out)
    model_file = read_model_file(args.model)
    options = PredictionOptions(
        args.device, args.threads, args.normalize_from, args.source, args.field, named=command_name
    )
    require_sources(model_file, options)
    with open_inputs(args.images, model_file.archive_limits()) as inputs:
        _log_skipped(inputs.skipped)
        predictor = open_predictor(model_file, options, field_of(model_file, inputs.images, options))
        tables: list[pd.DataFrame] = []
        with Meter("predicting", len(inputs.images), "image", shown=not sys.stdout.isatty()) as meter:
            for table in predictor.predict(inputs.images, threads=args.threads):
                tables.append(table)
                try:
                    _print(table)
                except OSError as error:
                    if args.out is None or not is_lost_output(error):
                        raise
                    discard_output()  # the table is still wanted
                for _ in range(len(table)):
                    meter.advance()
    predictions = pd.concat(tables, ignore_index=True)
    if args.out is not None:
        write_predicted(predictions, args.out)
    _log_flags(predictions, model_file)
    return int((predictions["error"] != "").any())


def _print(table: "pd.DataFrame") -> None:
    for row in table.itertuples(index=False):
        result = f"-  -  {row.error}" if row.error else f"{row.predicted}  {row.confidence:.3f}  {row.flag or '-'}"
        print(f"{_printable(row.path)}  {_printable(result)}")
    sys.stdout.flush()


def _printable(text: str) -> str:
    """Escape control characters: a file's name may contain commands for the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _log_skipped(skipped: Mapping[str, Counter[str]]) -> None:
    for path, kinds in skipped.items():
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        log.info("%s: %d other files are skipped (%s)", path, sum(kinds.values()), _printable(counts))


def _log_flags(table: "pd.DataFrame", model_file: "OpenedModelFile") -> None:
    failed = int((table["error"] != "").sum())
    flags = Counter(flag for text in table["flag"] if text for flag in text.split(";"))
    parts = [f"{n} {flag}" for flag, n in sorted(flags.items())] + ([f"{failed} could not be read"] if failed else [])
    log.info("%d images%s", len(table), f": {', '.join(parts)}" if parts else "")
    for note in model_file.content.notes:
        log.info(note)


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


def _share(text: str) -> float | str:
    if text == AUTO:
        return text
    if not 0 < (share := float(text)) <= 1:
        raise argparse.ArgumentTypeError("must be over 0 and at most 1")
    return share
