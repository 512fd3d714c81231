"""Prediction for photographs: images a second, beside a usual PyTorch loop and beside plain decoding of the files."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from bench.decode_limit import decode_plainly
from helpers.thesis import CLASSES
from hemabalance.classify.image_origin import Origins
from hemabalance.classify.inputs import InputImage
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import Model
from hemabalance.classify.model_schema import Frame
from hemabalance.classify.network_model import NetworkModel
from hemabalance.classify.out_of_distribution import fit_detector
from hemabalance.classify.predict import BATCH, Predictor
from hemabalance.dataset.geometry import fit_square
from hemabalance.methods import settings_class
from hemabalance.training.device import start

SIZE, FIELD = 64, 0.8
SHAPE = {"depths": (1, 2, 3, 1), "groups": 8, "width": 16, "stem": 16, "extent": 0, "input_size": SIZE}
"""SENet-154-GE as in `make sample`."""


class Photographs(Dataset[torch.Tensor]):
    """Photographs as Pillow reads them, with the frame of the model."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.files[index]) as image:
            square = fit_square(np.asarray(image.convert("RGB")), size=SIZE, fit="crop", field=FIELD)
        return torch.from_numpy(square.copy()).permute(2, 0, 1).float() / 127.5 - 1


def bench_predict(files: Sequence[Path], workers: int, repeats: int) -> None:
    """Print the medians of runs in alternation, without the start of the program; the network has random weights.

    Args:
        files: JPEGs, none of them damaged.
        workers: threads, or processes of the DataLoader.
        repeats: number of runs of each.
    """
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    model = ModelSpec(method="senet154", settings=settings_class("classify", "senet154")(**SHAPE)).build(
        classes=CLASSES, size=SIZE, runtime=runtime
    )
    assert isinstance(model, NetworkModel)
    model._ready = True
    predictor = _predictor(model, workers)
    images = [InputImage(str(file), None, file.name, 1 << 26) for file in files]
    runs: dict[str, Callable[[], object]] = {
        "hemabalance": lambda: list(predictor.predict(images, threads=workers)),
        "PyTorch's DataLoader with Pillow": lambda: _peer(model, files, workers),
        "plain decoding": lambda: decode_plainly(files, workers),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start_s = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start_s)
    ours, *others = (np.array(seconds) for seconds in times.values())
    print(f"prediction, {len(files)} photographs, {workers} threads, SENet-154-GE of {SIZE} px, medians of {repeats}:")
    speeds = (f"{name} {len(files) / statistics.median(seconds):.0f}" for name, seconds in times.items())
    peer, limit = (float(np.median(seconds / ours)) for seconds in others)
    print(f"  images/s: {', '.join(speeds)}; {peer:.2f} times as fast as the loop, {100 * limit:.0f} % of the limit")


def _predictor(model: Model, at_once: int) -> Predictor:
    """The model with the threads that `hemabalance predict` gives it."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (BATCH, SIZE, SIZE, 3), np.uint8)
    logits = model.logits(pixels)
    detector = fit_detector(pixels, logits, np.full(BATCH, "mendeley"), pixels, logits, quantile=0.99)
    frame = Frame(size=SIZE, fit="crop", fields={"mendeley": FIELD}, max_pixels=40_000_000, min_side=32)
    return Predictor(model, detector, 1.0, frame, Origins({"mendeley": FIELD}), at_once)


@torch.inference_mode()
def _peer(model: NetworkModel, files: Sequence[Path], workers: int) -> None:
    """Decoding and resizing in processes, the network in this one, its probabilities and nothing else."""
    network = model.module()
    for batch in DataLoader(Photographs(files), batch_size=BATCH, num_workers=workers):
        network(batch).softmax(1).numpy()
