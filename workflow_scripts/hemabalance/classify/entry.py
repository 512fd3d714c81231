"""A trained model by what its file says of itself."""

import json
from pathlib import Path

from hemabalance.classify import METHODS, method_module
from hemabalance.classify.model import KIND, Model
from hemabalance.errors import InputError
from hemabalance.training.device import Runtime
from hemabalance.training.weights import read_description


def open_by_description(weights: Path, runtime: Runtime) -> Model:
    """A trained model; nothing but its file is read.

    Raises:
        InputError: the weights are missing, truncated, foreign, or of no model.
    """
    described = read_description(weights)
    if described.get("kind") != KIND or described.get("method") not in METHODS:
        problem = f"holds no model, but {json.dumps(described.get('method') or described.get('kind'))}"
        raise InputError(weights, problem, "Give the weights.safetensors of a classifier")
    module = method_module(described["method"])
    classes = tuple(described["classes"])
    model = module.build(described["settings"], classes=classes, size=described["size"], runtime=runtime)
    model.load(weights)
    return model
