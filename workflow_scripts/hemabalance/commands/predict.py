"""`hemabalance predict`: predict classes and calibrated confidences of photographs."""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemabalance.api.devices import DEVICES, resolve_device
from hemabalance.api.options import PredictionOptions, command_name, cores
from hemabalance.commands.arguments import count
from hemabalance.commands.terminal import printable
from hemabalance.dataset.fields import AUTO
from hemabalance.sources.formats import IMAGE_SUFFIXES, READABLE

if TYPE_CHECKING:
    import pandas as pd

    from hemabalance.classify.model_file import OpenedModelFile

log = logging.getLogger(__name__)


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    predict = commands.add_parser(
        "predict",
        help="predict the classes of the cells in images",
        description="Print path, class, calibrated confidence, the source of the model that the image was taken for by "
        "its colours, and flags of each image. If the model was trained on normalised images, images are brought to "
        "that stain. Flags: grey (no colour), out_of_distribution (unlike the training images: do not trust the class, "
        "which is in brackets), stain_mismatch (a stain that the model was not trained on), not_normalised (too little "
        "contrast for the normaliser). The exit code is 1 if an image cannot be read; all others are still "
        "classified. Without MODEL, the images are predicted by the experiment that config.yaml recommends "
        "(classify.recommended), trained by `snakemake recommended`: its training with the first seed or, for an "
        "average, the mean of its models.",
    )
    predict.add_argument(
        "model",
        type=Path,
        nargs="?",
        metavar="MODEL",
        help="model.json of a classifier, or its folder; default: the recommended experiment of the config",
    )
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
    predict.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="without MODEL: overlays of config.yaml that the run was made with, as for snakemake",
    )
    predict.add_argument(
        "--json", action="store_true", help="print one JSON object a line, with the probabilities of all classes"
    )
    predict.add_argument(
        "--device",
        choices=DEVICES,
        default=DEVICES[0],
        help="device of the model; auto (default): a GPU if there is one",
    )
    predict.add_argument("--threads", type=count, default=cores(), metavar="N", help="default: all cores")
    stain = predict.add_mutually_exclusive_group()
    stain.add_argument(
        "--normalize-from",
        metavar="SOURCE",
        help="take all images for images of this source of the model, and normalise them as in training; default: each "
        "image for the source that it is nearest to in colour",
    )
    stain.add_argument(
        "--no-normalize",
        dest="normalize",
        action="store_false",
        help="normalise no image; those that would be normalised are flagged",
    )
    scale = predict.add_mutually_exclusive_group()
    scale.add_argument(
        "--source",
        metavar="SOURCE",
        help="use the same share of the frame as for this source in training; default: that which an "
        "image is taken for",
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

    from hemabalance.api.predictor import batches_at_once, field_of, log_origins, open_predictor, require_sources
    from hemabalance.classify.inputs import open_inputs
    from hemabalance.classify.model_file import read_model_file
    from hemabalance.classify.predict import check_out, predict_mean, write_predicted
    from hemabalance.commands.terminal import discard_output, is_lost_output
    from hemabalance.progress import Meter

    if args.out is not None:
        check_out(args.out)
    models, paths = _models_and_images(args)
    model_files = [read_model_file(model) for model in models]
    options = PredictionOptions(
        resolve_device(args.device),
        args.threads,
        args.normalize_from,
        args.source,
        args.field,
        args.normalize,
        named=command_name,
    )
    for model_file in model_files:
        require_sources(model_file, options)
    first = model_files[0]
    with open_inputs(paths, first.archive_limits()) as inputs:
        _log_skipped(inputs.skipped)
        field = field_of(first, inputs.images, options)
        at_once = batches_at_once(len(inputs.images), options)
        predictors = [open_predictor(model_file, options, field, at_once) for model_file in model_files]
        tables: list[pd.DataFrame] = []
        show = _print_json if args.json else _print
        with Meter("predicting", len(inputs.images), "image", shown=not sys.stdout.isatty()) as meter:
            for table in predict_mean(predictors, inputs.images, threads=args.threads):
                tables.append(table)
                try:
                    show(table, first=len(tables) == 1)
                except OSError as error:
                    if args.out is None or not is_lost_output(error):
                        raise
                    discard_output()  # the table is still wanted
                meter.advance(units=len(table))
    predictions = pd.concat(tables, ignore_index=True)
    if args.out is not None:
        write_predicted(predictions, args.out)
    log_origins(predictions, predictors[0].origins)
    _log_flags(predictions, first)
    return int((predictions["error"] != "").any())


def _models_and_images(args: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """The models to use and the images; a first path that is no model is one of the images."""
    if args.model is not None and _is_model(args.model):
        return [args.model], args.images
    from hemabalance.commands.recommended import recommended_models

    models = recommended_models(args.configfile)
    log.info("recommended model: %s", ", ".join(map(str, models)))
    return models, [*([] if args.model is None else [args.model]), *args.images]


def _is_model(path: Path) -> bool:
    """Whether a path is meant as a model: the folder or a file of one, a folder without images, or nothing there."""
    from hemabalance.classify.model_file import MODEL, WEIGHTS

    if path.is_dir():
        has_model = any((path / name).exists() for name in (MODEL, WEIGHTS))
        return has_model or not any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.rglob("*"))
    return path.suffix in (Path(MODEL).suffix, Path(WEIGHTS).suffix) or not path.exists()


def _print(table: "pd.DataFrame", *, first: bool) -> None:
    """Print a line for each image, before the first one the header; the class of an image to distrust in brackets."""
    from hemabalance.classify.predict import OUT_OF_DISTRIBUTION

    if first:
        print("path  predicted  confidence  taken_for  flag")
    for row in table.fillna({"taken_for": "-"}).itertuples(index=False):
        result = f"-  -  -  {row.error}"
        if not row.error:
            distrusted = OUT_OF_DISTRIBUTION in row.flag.split(";")
            predicted = f"[{row.predicted}]" if distrusted else row.predicted
            result = f"{predicted}  {row.confidence:.3f}  {row.taken_for}  {row.flag or '-'}"
        print(f"{printable(row.path)}  {printable(result)}")
    sys.stdout.flush()


def _print_json(table: "pd.DataFrame", *, first: bool) -> None:
    """Print an object for each image: the columns of the table, flags as a list, the probabilities by class."""
    from hemabalance.classify.predictions import classes_of, probability_columns

    classes = classes_of(table)
    shares = probability_columns(classes)
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        document = {name: value for name, value in row.items() if name not in shares}
        document["flag"] = row["flag"].split(";") if row["flag"] else []
        readable = not row["error"]
        document["probabilities"] = dict(zip(classes, map(row.get, shares), strict=True)) if readable else None
        print(json.dumps(document, default=float))
    sys.stdout.flush()


def _log_skipped(skipped: Mapping[str, Counter[str]]) -> None:
    for path, kinds in skipped.items():
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
        log.info("%s: %d other files are skipped (%s)", path, sum(kinds.values()), printable(counts))


def _log_flags(table: "pd.DataFrame", model_file: "OpenedModelFile") -> None:
    failed = int((table["error"] != "").sum())
    flags = Counter(flag for text in table["flag"] if text for flag in text.split(";"))
    parts = [f"{n} {flag}" for flag, n in sorted(flags.items())] + ([f"{failed} could not be read"] if failed else [])
    log.info("%d images%s", len(table), f": {', '.join(parts)}" if parts else "")
    for note in model_file.content.notes:
        log.info(note)


def _share(text: str) -> float | str:
    if text == AUTO:
        return text
    if not 0 < (share := float(text)) <= 1:
        raise argparse.ArgumentTypeError("must be over 0 and at most 1")
    return share
