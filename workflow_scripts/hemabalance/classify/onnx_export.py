"""A trained network as ONNX, written only if ONNX Runtime gives what PyTorch gives."""

import contextlib
import importlib
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.classify.model import Model
from hemabalance.classify.model_schema import ModelFile
from hemabalance.errors import InputError
from hemabalance.files import atomic_path

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUT = "images", "logits"
MOST_APART = 1e-4
_MOST_IMAGES = 1 << 16


def onnx_metadata(content: ModelFile) -> dict[str, str]:
    """What an exported file says of itself: all that one needs to use it without hemabalance."""
    return {
        "classes": json.dumps(content.classes),
        "temperature": repr(content.temperature),
        "input": f"{INPUT}: float32 (n, 3, {content.size}, {content.size}), RGB, value / 127.5 - 1",
        "output": f"{OUTPUT}: float32 (n, {len(content.classes)}); probabilities are softmax({OUTPUT} / temperature)",
        "frame": content.frame.model_dump_json(),
        "experiment": content.experiment,
        "recipe": content.recipe,
        "protocol": content.protocol,
        "seed": str(content.seed),
        "weights_sha256": content.sha256.weights,
        "hemabalance": content.hemabalance,
        "data": json.dumps({name: part.model_dump() for name, part in content.data.items()}, ensure_ascii=False),
        "notes": " ".join(content.notes),
    }


def export_onnx(model: Model, path: Path, *, metadata: Mapping[str, str]) -> float:
    """Write a model as ONNX: any number of images at once, in one file.

    Args:
        model: a trained network, on the CPU.
        path: the file to write.
        metadata: metadata to put in.

    Returns:
        The largest difference between its logits and PyTorch's, over noise and plain images in batches of 1 to 5.

    Raises:
        InputError: a package is missing; the model is no network; it cannot be expressed in ONNX; or the outputs
            differ by more than 1e-4: nothing is written then.
    """
    onnx, _, runtime = (_needed(name) for name in PACKAGES)
    module = model.module()
    with atomic_path(path) as part:
        _write(module, model.size, part)
        made = onnx.load(str(part))
        onnx.helper.set_model_props(made, dict(metadata))
        onnx.save(made, str(part))
        farthest = _farthest(
            module, model.size, runtime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
        )
        if not farthest <= MOST_APART:
            problem = f"would give logits that differ from PyTorch's by {farthest:.1e}, over {MOST_APART:.0e}"
            raise InputError(path, problem, "Report it, with the versions of torch and onnxruntime")
    return farthest


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        remedy = f"Install what export needs: pip install {' '.join(PACKAGES)}"
        raise InputError(f"package {name}", "is not installed", remedy) from error


def _write(module: nn.Module, size: int, path: Path) -> None:
    # Of the older exporter, which does without onnxscript, PyTorch says that it will go.
    images = torch.export.Dim("n", min=1, max=_MOST_IMAGES)
    try:
        with _quiet():
            torch.onnx.export(
                module,
                (torch.zeros(2, 3, size, size),),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamo=True,
                dynamic_shapes=({0: images},),
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError("the model", f"cannot be written as ONNX ({reason})", "Choose another method") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that are not installed and on its own workings."""
    noisy = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript"), logging.getLogger("onnx_ir")
    levels = [one.level for one in noisy]
    for one in noisy:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(noisy, levels, strict=True):
            one.setLevel(level)


@torch.inference_mode()
def _farthest(module: nn.Module, size: int, session: Any) -> float:
    random, differences = torch.Generator().manual_seed(0), []
    for count in (1, 2, 5):
        noise = torch.rand((count, 3, size, size), generator=random) * 2 - 1
        plain = torch.linspace(-1, 1, count)[:, None, None, None].expand_as(noise).contiguous()
        for images in (noise, plain):
            expected: Tensor = module(images)
            found = session.run([OUTPUT], {INPUT: images.numpy()})[0]
            differences.append(np.abs(found.astype(np.float64) - expected.numpy()).max())
    return float(np.max(differences))  # NaN stays NaN
