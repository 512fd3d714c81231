"""`hemabalance predict`: classes and calibrated confidences of photographs."""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemabalance.errors import InputError
from hemabalance.taxonomy import SOURCE_OF

if TYPE_CHECKING:
    import pandas as pd

    from hemabalance.classify.model_file import OpenedModelFile
    from hemabalance.classify.predict import Normalise, Predictor
    from hemabalance.training.device import Runtime

log = logging.getLogger(__name__)

SOURCES = tuple(SOURCE_OF.values())


def add(commands: Any) -> None:
    """Add the command to what `ArgumentParser.add_subparsers` returned."""
    predict = commands.add_parser(
        "predict",
        help="name the cells in images",
        description="Print path, class, calibrated confidence and flags of each image. Flags: grey (no colour), unlike "
        "(unlike the training images: do not trust the class), not_normalised (too plain). Exit code 1 if an image "
        "cannot be read; the others are done.",
    )
    predict.add_argument("model", type=Path, metavar="MODEL", help="model.json of a classifier, or its folder")
    predict.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE_OR_FOLDER_OR_ZIP", help="JPEG, PNG or TIFF; folders whole"
    )
    predict.add_argument(
        "--out", type=Path, metavar="FILE", help="CSV or Parquet to write, by its suffix, with all twelve probabilities"
    )
    predict.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the model runs")
    predict.add_argument("--threads", type=_count, default=_cores(), metavar="N", help="default: all cores")
    predict.add_argument(
        "--normalize-from",
        choices=SOURCES,
        metavar="SOURCE",
        help=f"bring images from the stain of this source ({', '.join(SOURCES)}) to the other's, as in training",
    )
    scale = predict.add_mutually_exclusive_group()
    scale.add_argument(
        "--source",
        choices=SOURCES,
        metavar="SOURCE",
        help="take the share of the frame that training took of this source; default: that of --normalize-from, or the "
        "source of most training images",
    )
    scale.add_argument("--field", type=_share, metavar="SHARE", help="take this share of the frame (over 0, up to 1)")
    predict.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict, print, write; 1 where an image could not be read."""
    import pandas as pd

    from hemabalance.classify.inputs import open_inputs
    from hemabalance.classify.model_file import read_model_file
    from hemabalance.classify.predict import check_out, write_predicted
    from hemabalance.progress import Meter

    if args.out is not None:
        check_out(args.out)
    opened = read_model_file(args.model)
    with open_inputs(args.images, opened.archive_limits()) as named:
        _tell_skipped(named.skipped)
        predictor = _predictor(opened, args)
        tables: list[pd.DataFrame] = []
        with Meter("predicting", len(named.images), "image", shown=not sys.stdout.isatty()) as meter:
            for table in predictor.predict(named.images, threads=args.threads):
                _print(table)
                tables.append(table)
                for _ in range(len(table)):
                    meter.advance()
    predictions = pd.concat(tables, ignore_index=True)
    if args.out is not None:
        write_predicted(predictions, args.out)
    _tell_flags(predictions, opened)
    return int((predictions["error"] != "").any())


def _predictor(opened: "OpenedModelFile", args: argparse.Namespace) -> "Predictor":
    from hemabalance.classify.model_file import DETECTOR, WEIGHTS
    from hemabalance.classify.open_model import open_classifier
    from hemabalance.classify.out_of_distribution import read_detector
    from hemabalance.classify.predict import Predictor
    from hemabalance.training.device import start

    content = opened.content
    runtime = start(device=args.device, precision="32", devices=1, seed=0, threads=args.threads)
    model = open_classifier(opened.beside(WEIGHTS), runtime)
    if (model.classes, model.size) != (content.classes, content.size):
        raise InputError(opened.path, "and its weights are of different models", "Take both from one place")
    normalise = None if args.normalize_from is None else _normaliser(opened, args.normalize_from, runtime)
    detector = read_detector(opened.beside(DETECTOR))
    return Predictor(model, detector, content.temperature, content.frame, _field(opened, args), normalise)


def _field(opened: "OpenedModelFile", args: argparse.Namespace) -> float:
    if args.field is not None:
        return float(args.field)
    content = opened.content
    source = args.source or args.normalize_from or content.usual
    if source not in content.frame.fields:
        remedy = f"Take one of {', '.join(content.frame.fields)}, or give --field"
        raise InputError(opened.path, f"was not trained on images of {source}", remedy)
    share = content.frame.fields[source]
    if len(set(content.frame.fields.values())) > 1:
        log.info(
            "of each side of the frame the middle %.0f %% is used, as of %s; see --source and --field",
            100 * share,
            source,
        )
    return share


def _normaliser(opened: "OpenedModelFile", source: str, runtime: "Runtime") -> "Normalise":
    from hemabalance.classify.model_file import check_file
    from hemabalance.stain.fit import open_normalizer
    from hemabalance.stain.method import NormalizerSpec
    from hemabalance.stain.normalizer import DOMAINS, other_domain

    stain = opened.content.stain
    domain = next(domain for domain in DOMAINS if SOURCE_OF[domain] == source)
    if stain is None or stain.direction in ("none", f"to_{domain}"):
        problem = f"was trained on images of {source} in their own stain"
        raise InputError(opened.path, problem, "Leave --normalize-from out")
    if stain.direction == "per_class":
        log.warning(
            "in training %s mapped images of some classes alone, which nobody knows before predicting", stain.name
        )
    weights = opened.beside(stain.weights)
    check_file(weights, stain.sha256)
    spec = NormalizerSpec.from_description({"method": stain.method, "settings": stain.settings}, opened.path)
    normalizer = open_normalizer(spec, weights, size=opened.content.frame.size, runtime=runtime)

    def normalise(pixels: Any) -> tuple[Any, Any]:
        made = normalizer.transform(pixels, to=other_domain(domain))
        return made.pixels, made.passed_through

    return normalise


def _print(table: "pd.DataFrame") -> None:
    for row in table.itertuples(index=False):
        told = f"-  -  {row.error}" if row.error else f"{row.predicted}  {row.confidence:.3f}  {row.flag or '-'}"
        print(f"{_printable(row.path)}  {_printable(told)}")
    sys.stdout.flush()


def _printable(text: str) -> str:
    """With control characters escaped: a file's name may hold what a terminal obeys."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _tell_skipped(skipped: Mapping[str, Counter[str]]) -> None:
    for path, kinds in skipped.items():
        counted = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        log.info("%s: %d other files are left out (%s)", path, sum(kinds.values()), _printable(counted))


def _tell_flags(table: "pd.DataFrame", opened: "OpenedModelFile") -> None:
    failed = int((table["error"] != "").sum())
    raised = Counter(flag for text in table["flag"] if text for flag in text.split(";"))
    parts = [f"{n} {flag}" for flag, n in sorted(raised.items())] + ([f"{failed} could not be read"] if failed else [])
    log.info("%d images%s", len(table), f": {', '.join(parts)}" if parts else "")
    for note in opened.content.notes:
        log.info(note)


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


def _share(text: str) -> float:
    if not 0 < (share := float(text)) <= 1:
        raise argparse.ArgumentTypeError("must be over 0 and at most 1")
    return share


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
