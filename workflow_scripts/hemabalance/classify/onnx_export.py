"""Export of a trained network as ONNX; the file is written only if ONNX Runtime reproduces PyTorch's logits."""

import contextlib
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
from hemabalance.optional_packages import import_optional

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUT = "images", "logits"
MAX_DIFFERENCE = 1e-4
_MAX_BATCH = 1 << 16


def onnx_metadata(content: ModelFile) -> dict[str, str]:
    """Metadata of an exported file: what is needed to use it without hemabalance."""
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
    """Write a model as a single ONNX file with a dynamic batch size.

    Args:
        model: a trained network, on the CPU.
        path: file to write.
        metadata: metadata of the file.

    Returns:
        The largest absolute difference from PyTorch's logits, over noise and uniform images in batches of 1, 2 and 5.

    Raises:
        InputError: a package is missing, the model is no network, it cannot be expressed in ONNX, or the logits differ
            by more than 1e-4; no file is written.
    """
    onnx, _, runtime = (import_optional(name, PACKAGES, purpose="the export") for name in PACKAGES)
    module = model.module()
    with atomic_path(path) as part:
        _write(module, model.size, part)
        exported = onnx.load(str(part))
        onnx.helper.set_model_props(exported, dict(metadata))
        onnx.save(exported, str(part))
        session = runtime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
        difference = _max_difference(module, model.size, session)
        if not difference <= MAX_DIFFERENCE:
            problem = f"gives logits that differ from PyTorch's by {difference:.1e}, more than {MAX_DIFFERENCE:.0e}"
            raise InputError(path, problem, "Report this, with the versions of torch and onnxruntime")
    return difference


def _write(module: nn.Module, size: int, path: Path) -> None:
    # dynamo=True: PyTorch has deprecated the older exporter, which would not need onnxscript.
    batch = torch.export.Dim("n", min=1, max=_MAX_BATCH)
    try:
        with _quiet():
            torch.onnx.export(
                module,
                (torch.zeros(2, 3, size, size),),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamo=True,
                dynamic_shapes=({0: batch},),
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError("the model", f"cannot be written as ONNX ({reason})", "Choose another method") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences the exporter's messages about optional packages and its own progress."""
    loggers = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript"), logging.getLogger("onnx_ir")
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@torch.inference_mode()
def _max_difference(module: nn.Module, size: int, session: Any) -> float:
    generator, differences = torch.Generator().manual_seed(0), []
    for count in (1, 2, 5):
        noise = torch.rand((count, 3, size, size), generator=generator) * 2 - 1
        uniform = torch.linspace(-1, 1, count)[:, None, None, None].expand_as(noise).contiguous()
        for images in (noise, uniform):
            expected: Tensor = module(images)
            logits = session.run([OUTPUT], {INPUT: images.numpy()})[0]
            differences.append(np.abs(logits.astype(np.float64) - expected.numpy()).max())
    return float(np.max(differences))  # np.max propagates NaN
