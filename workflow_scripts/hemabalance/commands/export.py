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


def run(asked: argparse.Namespace) -> int:
    """Write the file, print how far its outputs are from PyTorch's."""
    from hemabalance.classify.bundle import WEIGHTS, read_bundle
    from hemabalance.classify.entry import open_by_description
    from hemabalance.classify.onnx_export import export_onnx, told_of
    from hemabalance.training.device import start

    if asked.onnx.suffix.lower() != ".onnx":
        raise InputError(asked.onnx, "is no ONNX file by its name", "End it in .onnx")
    opened = read_bundle(asked.model)
    runtime = start(device="cpu", precision="32", devices=1, seed=0, threads=1)
    model = open_by_description(opened.beside(WEIGHTS), runtime)
    farthest = export_onnx(model, asked.onnx, told=told_of(opened.facts))
    print(f"written: {asked.onnx} (its logits differ from PyTorch's by {farthest:.1e} at most)")
    return 0
