"""Initialisation of a network with ImageNet weights from a local file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.training.tensorfile import differences, refuse_differences, shapes

REMEDY = "Give the weights of the same architecture, or set imagenet_weights to null to start from random weights"
_COUNTER = "num_batches_tracked"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read tensors by name, on the CPU.

    Args:
        path: safetensors, or a file saved by PyTorch: a state dict, or one under the key `state_dict`. Only tensors
            are unpickled.

    Raises:
        InputError: the file is missing, damaged, or holds anything but tensors by name.
    """
    if not path.is_file():
        raise InputError(path.absolute(), "the file does not exist", REMEDY)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes raise exceptions of many types
        reason = str(error).partition("\n")[0]
        raise InputError(path, f"is damaged or holds more than tensors ({reason})", REMEDY) from error
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(path, "does not hold tensors by name", REMEDY)
    return dict(content)


def initialise_from_imagenet(network: nn.Module, path: Path, head: tuple[str, ...]) -> None:
    """Load all weights of a network except its head, in place; on an error nothing is changed.

    Args:
        network: the network.
        path: see `read_tensors`.
        head: name prefixes of tensors that are not loaded, such as the last layer, which belongs to other classes. The
            file may lack them or hold them in any shape.

    Raises:
        InputError: as `read_tensors`, or names or shapes of tensors differ from the network's.
    """

    def body(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {k: v for k, v in tensors.items() if not k.startswith(head) and not k.endswith(_COUNTER)}

    stored, current = body(read_tensors(path)), body(network.state_dict())
    refuse_differences(path, "architecture", differences(shapes(stored), shapes(current)), REMEDY)
    with torch.no_grad():
        for name, tensor in current.items():
            tensor.copy_(stored[name])
