"""Make torchvision importable beside a CPU-only torch.

PyPI's torchvision is built for CUDA. With a CPU build of torch, its extension library cannot be loaded, the operators
of that library are missing, and `import torchvision` fails. This module declares the two schemas that the import needs.
Models, transforms and datasets then work; `nms` and `decode_jpeg` raise an error when called.
"""

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any


@cache
def make_torchvision_importable() -> Any:
    """Call before the first import of torchvision, or of a package that imports it; does nothing if the import works.

    Returns:
        The library object, cached because torch drops the schemas when it is garbage-collected; None if none is needed.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    try:
        ctypes.CDLL(str(Path(spec.origin).with_name("_C.so")))
    except OSError:
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None
