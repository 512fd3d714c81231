"""SENet-154 begun from weights that others trained on ImageNet."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from hemabalance.networks.senet154 import Senet154

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue in [0, 1], by which the published weights expect images to be standardised."""

_NAME = "SENet-154 weights"
_KEY = re.compile(
    r"layer0\.(?P<stem>conv|bn)(?P<place>[123])"
    r"|layer(?P<stage>[1-4])\.(?P<block>\d+)\."
    r"((?P<body>conv|bn)(?P<step>[123])|downsample\.(?P<shortcut>[01])|se_module\.fc(?P<layer>[12]))"
    r"|(?P<classifier>last_linear)"
)


def rename_timm_keys(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same network in the words of `Senet154`.

    Args:
        weights: named as in timm's `legacy_senet154` and in Cadene's `senet154` before it.

    Returns:
        The same tensors under our names; the 1x1 convolutions of squeeze-and-excitation as matrices.

    Raises:
        ValueError: a name that no SENet-154 has.
    """
    renamed = {}
    for key, tensor in weights.items():
        path, _, kind = key.rpartition(".")
        found = _KEY.fullmatch(path)
        if found is None:
            raise ValueError(f"{_NAME}: {key!r} is no layer of timm's legacy_senet154")
        matrix = found["layer"] is not None and kind == "weight"
        renamed[f"{_renamed(found)}.{kind}"] = tensor.flatten(1) if matrix else tensor
    return renamed


def _renamed(found: re.Match[str]) -> str:
    if found["classifier"]:
        return "classifier"
    if found["stem"]:
        return f"stem.{int(found['place']) - 1}.{_in_unit(found['stem'])}"
    block = f"stages.{int(found['stage']) - 1}.{found['block']}"
    if found["body"]:
        return f"{block}.body.{2 * int(found['step']) - 2}.{_in_unit(found['body'])}"
    if found["shortcut"]:
        return f"{block}.shortcut.{found['shortcut']}"
    return f"{block}.excitation.factors.{2 * int(found['layer']) - 2}"


def _in_unit(kind: str) -> int:
    return 0 if kind == "conv" else 1


@torch.no_grad()
def load_imagenet_weights(network: Senet154, weights: Mapping[str, Tensor]) -> None:
    """Fill everything up to the last stage, in place; the classifier and the head of SENet-154-GE stay as they are.

    ImageNet's standardisation goes into the first convolution and its running mean, so that the network takes images
    in [-1, 1] and finds what it was trained for. Only the outermost pixel differs: beyond the border the published
    network sees ImageNet's mean colour, ours grey.

    Args:
        network: of the full shape.
        weights: as for `rename_timm_keys`, trained on standardised images; a classifier among them is not used.

    Raises:
        ValueError: a foreign name, or a layer missing or of another shape; the network is then unchanged.
    """
    renamed = rename_timm_keys(weights)
    own = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(("stem.", "stages."))}
    # How many batches were seen; old files do not tell, and nothing here depends on it.
    own = {name: tensor for name, tensor in own.items() if not name.endswith("num_batches_tracked")}
    for name, tensor in own.items():
        if name not in renamed:
            raise ValueError(f"{_NAME}: the network's {name} is not among them")
        if renamed[name].shape != tensor.shape:
            shapes = f"{tuple(renamed[name].shape)}, the network's is {tuple(tensor.shape)}"
            raise ValueError(
                f"{_NAME}: {name} is {shapes}; they fit depths (3, 8, 36, 3), 64 groups, width and stem 64"
            )
    known = renamed.keys() - {"classifier.weight", "classifier.bias"}
    if surplus := sorted(name for name in known - own.keys() if not name.endswith("num_batches_tracked")):
        raise ValueError(f"{_NAME}: the network has no {surplus[0]}; they fit depths (3, 8, 36, 3)")
    _take_signed_images(renamed)
    for name, tensor in own.items():
        tensor.copy_(renamed[name])


def _take_signed_images(weights: dict[str, Tensor]) -> None:
    """Fold (x / 2 + 1 / 2 - mean) / spread into the first convolution, and its constant into the running mean."""
    kernel = weights["stem.0.0.weight"]
    mean, spread = (torch.tensor(values, dtype=kernel.dtype)[:, None, None] for values in (MEAN, STD))
    constant = (kernel * (0.5 - mean) / spread).sum(dim=(1, 2, 3))
    weights["stem.0.0.weight"] = kernel * 0.5 / spread
    weights["stem.0.1.running_mean"] = weights["stem.0.1.running_mean"] - constant
