"""Initialisation of SENet-154 with published ImageNet weights."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from hemabalance.networks.senet154 import Senet154

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue in [0, 1]; the published weights expect images standardised with them."""

_NAME = "SENet-154 weights"
_KEY = re.compile(
    r"layer0\.(?P<stem>conv|bn)(?P<position>[123])"
    r"|layer(?P<stage>[1-4])\.(?P<block>\d+)\."
    r"((?P<body>conv|bn)(?P<step>[123])|downsample\.(?P<shortcut>[01])|se_module\.fc(?P<layer>[12]))"
    r"|(?P<classifier>last_linear)"
)


def rename_timm_keys(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a published SENet-154 to the names of `Senet154`.

    Args:
        weights: named as in timm's `legacy_senet154` and in Cadene's original `senet154`.

    Returns:
        The same tensors under the names of `Senet154`; the 1x1 convolutions of squeeze-and-excitation as matrices.

    Raises:
        ValueError: a name that no SENet-154 has.
    """
    renamed = {}
    for key, tensor in weights.items():
        path, _, kind = key.rpartition(".")
        match = _KEY.fullmatch(path)
        if match is None:
            raise ValueError(f"{_NAME}: {key!r} is no layer of timm's legacy_senet154")
        matrix = match["layer"] is not None and kind == "weight"
        renamed[f"{_layer_name(match)}.{kind}"] = tensor.flatten(1) if matrix else tensor
    return renamed


def _layer_name(match: re.Match[str]) -> str:
    if match["classifier"]:
        return "classifier"
    if match["stem"]:
        return f"stem.{int(match['position']) - 1}.{_unit_index(match['stem'])}"
    block = f"stages.{int(match['stage']) - 1}.{match['block']}"
    if match["body"]:
        return f"{block}.body.{2 * int(match['step']) - 2}.{_unit_index(match['body'])}"
    if match["shortcut"]:
        return f"{block}.shortcut.{match['shortcut']}"
    return f"{block}.excitation.factors.{2 * int(match['layer']) - 2}"


def _unit_index(kind: str) -> int:
    """Index in a unit of `Senet154`: convolution, then normalisation."""
    return 0 if kind == "conv" else 1


@torch.no_grad()
def load_imagenet_weights(network: Senet154, weights: Mapping[str, Tensor]) -> None:
    """Load stem and stages in place; the classifier and the head of SENet-154-GE stay unchanged.

    ImageNet's standardisation is folded into the first convolution and its running mean, so that the network takes
    images in [-1, 1] and gives the published network's features. Only pixels at the border differ: the zero padding is
    ImageNet's mean colour for the published network, and grey here.

    Args:
        network: of the full shape.
        weights: as for `rename_timm_keys`, trained on standardised images; their classifier is not used.

    Raises:
        ValueError: an unknown name, or a layer missing or of another shape; the network is then unchanged.
    """
    renamed = rename_timm_keys(weights)
    current = {name: tensor for name, tensor in network.state_dict().items() if name.startswith(("stem.", "stages."))}
    # The number of batches is missing in old files, and nothing here depends on it.
    current = {name: tensor for name, tensor in current.items() if not name.endswith("num_batches_tracked")}
    for name, tensor in current.items():
        if name not in renamed:
            raise ValueError(f"{_NAME}: the weights lack {name} of the network")
        if renamed[name].shape != tensor.shape:
            shapes = f"{tuple(renamed[name].shape)} in the weights and {tuple(tensor.shape)} in the network"
            raise ValueError(
                f"{_NAME}: {name} is {shapes}; the weights fit depths (3, 8, 36, 3), 64 groups, width and stem 64"
            )
    names = renamed.keys() - {"classifier.weight", "classifier.bias"}
    if surplus := sorted(name for name in names - current.keys() if not name.endswith("num_batches_tracked")):
        raise ValueError(f"{_NAME}: the network lacks {surplus[0]}; the weights fit depths (3, 8, 36, 3)")
    _fold_standardisation(renamed)
    for name, tensor in current.items():
        tensor.copy_(renamed[name])


def _fold_standardisation(weights: dict[str, Tensor]) -> None:
    """Fold (x / 2 + 1 / 2 - mean) / std into the first convolution, and its constant into the running mean."""
    kernel = weights["stem.0.0.weight"]
    mean, std = (torch.tensor(values, dtype=kernel.dtype)[:, None, None] for values in (MEAN, STD))
    constant = (kernel * (0.5 - mean) / std).sum(dim=(1, 2, 3))
    weights["stem.0.0.weight"] = kernel * 0.5 / std
    weights["stem.0.1.running_mean"] = weights["stem.0.1.running_mean"] - constant
