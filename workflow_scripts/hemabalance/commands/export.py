"""`hemabalance export`: a model as ONNX, checked against PyTorch."""

import argparse
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError


def add(commands: Any) -> None:
    """Add the command to what `ArgumentParser.add_subparsers` returned."""
    export = commands.add_parser("export", help="write a model as ONNX, checked against PyTorch")
    export.add_argument("model", type=Path, metavar="MODEL", help="model.json of a classifier, or its folder")
    export.add_argument("--onnx", type=Path, required=True, metavar="OUT.onnx", help="file to write")
    export.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file, print how far its outputs are from PyTorch's."""
    from hemabalance.classify.model_file import WEIGHTS, read_model_file
    from hemabalance.classify.onnx_export import export_onnx, onnx_metadata
    from hemabalance.classify.open_model import open_classifier
    from hemabalance.training.device import start

    if args.onnx.suffix.lower() != ".onnx":
        raise InputError(args.onnx, "is no ONNX file by its name", "End it in .onnx")
    opened = read_model_file(args.model)
    runtime = start(device="cpu", precision="32", devices=1, seed=0, threads=1)
    model = open_classifier(opened.beside(WEIGHTS), runtime)
    farthest = export_onnx(model, args.onnx, metadata=onnx_metadata(opened.content))
    print(f"written: {args.onnx} (its logits differ from PyTorch's by {farthest:.1e} at most)")
    return 0
