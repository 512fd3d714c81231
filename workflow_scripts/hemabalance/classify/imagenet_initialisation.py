"""Begin a training with the weights of a network that learned ImageNet, from a file that a person supplies."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.training.tensorfile import differences, refuse_differences, shapes

REMEDY = "Give the weights of the same architecture, or set imagenet_weights to null to begin with random ones"
_COUNTER = "num_batches_tracked"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU.

    Args:
        path: safetensors, or anything else that PyTorch saved: a state dict, or one under the key `state_dict`. Of
            the latter nothing but tensors is unpickled.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    if not path.is_file():
        raise InputError(path, "there is no such file", REMEDY)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many kinds, whatever bytes a foreign file has
        reason = str(error).partition("\n")[0]
        raise InputError(path, f"is damaged or holds more than tensors ({reason})", REMEDY) from error
    if isinstance(found, Mapping):
        found = found.get("state_dict", found)
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise InputError(path, "holds no tensors by name", REMEDY)
    return dict(found)


def initialise_from_imagenet(network: nn.Module, path: Path, head: tuple[str, ...]) -> None:
    """Fill a network but for its head; all or nothing.

    Args:
        network: to fill, in place.
        path: see `read_tensors`.
        head: what names of tensors begin with that the network does not take over: its last layer, say, which tells
            other classes apart. The file may have them or not, in any shape.

    Raises:
        InputError: as `read_tensors`, or a tensor's name or shape is not the network's.
    """

    def body(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {k: v for k, v in tensors.items() if not k.startswith(head) and not k.endswith(_COUNTER)}

    stored, own = body(read_tensors(path)), body(network.state_dict())
    refuse_differences(path, "architecture", differences(shapes(stored), shapes(own)), REMEDY)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(stored[name])
