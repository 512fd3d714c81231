"""Make torchvision importable beside a CPU-only torch.

PyPI's torchvision is built for CUDA. Beside a CPU build of torch its extension library cannot load, so that operators
it would register are missing and `import torchvision` fails. Declaring the two schemas that the import needs is
enough: models, transforms and datasets then work, while `nms` and `decode_jpeg` fail loudly when called.
"""

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any


@cache
def make_torchvision_importable() -> Any:
    """Call before the first import of torchvision, or of a package that imports it; does nothing where all is well.

    Returns:
        The library object, cached here because torch forgets the schemas once it is collected; or None.
    """
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    try:
        ctypes.CDLL(str(Path(found.origin).with_name("_C.so")))
    except OSError:
        library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None
