"""`hemabalance check-gpu`: what a GPU makes of the trainings of a run."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hemabalance.bookkeeping.workflow_packages import require_workflow
from hemabalance.errors import InputError
from hemabalance.files import check_target

if TYPE_CHECKING:
    from hemabalance.config.run import Config


def add(commands: Any) -> None:
    """Add the command to the result of `ArgumentParser.add_subparsers`."""
    check = commands.add_parser(
        "check-gpu",
        help="measure what a GPU makes of the trainings of a run",
        description="Compare one step of every training with the CPU, measure speed and memory at the sizes of the "
        "run, compare with timm, stop and resume small trainings, project the time of the run, and use the rest of the "
        "time for a real training. Writes gpu.json and gpu.md. The exit code is 1 if a training fails or differs from "
        "the CPU.",
    )
    check.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="default: cuda")
    check.add_argument(
        "--tiny", action="store_true", help="small networks and images: shows that the check works, measures nothing"
    )
    check.add_argument("--seconds", type=float, default=480.0, metavar="S", help="time of the check; default: 480")
    check.add_argument("--into", type=Path, default=Path("gpu"), metavar="FOLDER", help="default: gpu")
    check.add_argument(
        "--configfile", type=Path, nargs="+", default=[Path("config.yaml")], metavar="FILE",
        help="config of the run and its overlays; default: config.yaml",
    )  # fmt: skip
    check.add_argument(
        "--train", default="flow", metavar="NAME",
        help="generator to train on the rich classes in the rest of the time, in bfloat16 if the device has it; none "
        "for no training; default: flow",
    )  # fmt: skip
    check.add_argument(
        "--train-size", type=int, default=64, metavar="PIXELS",
        help="side of the images of that training, without --tiny; default: 64",
    )  # fmt: skip
    check.add_argument(
        "--images", type=Path, metavar="FOLDER",
        help="folder with one folder of images for each class, for that training; default: rendered cells",
    )  # fmt: skip
    check.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="default: all cores")
    check.set_defaults(run=run)


def read_config(paths: Sequence[Path]) -> "Config":
    """The config of files of which each overlays the ones before, as Snakemake reads them.

    Raises:
        InputError: a file is missing or is no valid config.
    """
    from hemabalance.config.overlays import read_overlaid
    from hemabalance.config.run import load_config

    return load_config(read_overlaid(paths), where=", ".join(map(str, paths)))


def run(args: argparse.Namespace) -> int:
    """Run the check; the exit code is 1 if a training fails or differs from the CPU."""
    require_workflow("lightning_fabric")
    for name in ("gpu.json", "gpu.md"):
        check_target(args.into / name)
    # cuBLAS reads it when CUDA starts; without it no product of matrices is deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        problem = "PyTorch finds no GPU on this machine"
        raise InputError("device cuda", problem, "Use a machine with a GPU, or try the check with --device cpu --tiny")
    from hemabalance.gpu_check.check import CheckOptions, run_check

    config = read_config(args.configfile)
    options = CheckOptions(
        device=args.device,
        tiny=args.tiny,
        seconds=args.seconds,
        into=args.into,
        threads=args.threads,
        train=None if args.train == "none" else args.train,
        images=args.images,
        train_size=args.train_size,
    )
    passed = run_check(config, options)
    print((args.into / "gpu.md").read_text("utf-8"))
    return 0 if passed else 1
