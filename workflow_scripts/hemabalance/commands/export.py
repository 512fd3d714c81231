"""`hemabalance export`: convert a model to ONNX, and compare the outputs with PyTorch's."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    export = commands.add_parser("export", help="convert a model to ONNX, checked against PyTorch")
    export.add_argument("model", type=Path, metavar="MODEL", help="model.json of a classifier, or its folder")
    export.add_argument("--onnx", type=Path, required=True, metavar="OUT.onnx", help="file to write")
    export.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file and print the largest difference of its outputs from PyTorch's; the exit code is 0."""
    from hemabalance.classify.model_file import WEIGHTS, read_model_file
    from hemabalance.classify.onnx_export import export_onnx, onnx_metadata
    from hemabalance.classify.open_model import open_classifier
    from hemabalance.files import check_target
    from hemabalance.training.device import start

    if args.onnx.suffix.lower() != ".onnx":
        raise InputError(args.onnx, "does not have the suffix .onnx", "Choose a name that ends in .onnx")
    check_target(args.onnx)
    model_file = read_model_file(args.model)
    runtime = start(device="cpu", precision="32", devices=1, seed=0, threads=1)
    model = open_classifier(model_file.beside(WEIGHTS), runtime)
    difference = export_onnx(model, args.onnx, metadata=onnx_metadata(model_file.content))
    print(f"written: {args.onnx} (its logits differ from PyTorch's by at most {difference:.1e})")
    return 0
