"""A trained model by what its file says of itself."""

import json
from pathlib import Path

from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import KIND, Model
from hemabalance.errors import InputError
from hemabalance.methods import method_names
from hemabalance.training.device import Runtime
from hemabalance.training.weights import read_description


def open_classifier(weights: Path, runtime: Runtime) -> Model:
    """A trained model; nothing but its file is read.

    Raises:
        InputError: the weights are missing, truncated, foreign, of no model, or of one with settings that are not
            known here.
    """
    described = read_description(weights)
    if described.get("kind") != KIND or described.get("method") not in method_names("classify"):
        problem = f"holds no model, but {json.dumps(described.get('method') or described.get('kind'))}"
        raise InputError(weights, problem, "Give the weights.safetensors of a classifier")
    spec = ModelSpec.from_description(described, weights)
    model = spec.build(classes=tuple(described["classes"]), size=described["size"], runtime=runtime)
    model.load(weights)
    return model
