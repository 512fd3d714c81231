"""Opening a trained model from its weights file alone."""

import json
from pathlib import Path

from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import KIND, Model
from hemabalance.errors import InputError
from hemabalance.methods import method_names
from hemabalance.training.device import Runtime
from hemabalance.training.weights import read_description


def open_classifier(weights: Path, runtime: Runtime) -> Model:
    """A trained model, rebuilt from the description in its weights file.

    Raises:
        InputError: the file is missing, truncated, not of a model, or of a model with settings unknown to this version.
    """
    description = read_description(weights)
    if description.get("kind") != KIND or description.get("method") not in method_names("classify"):
        problem = f"holds no model, but {json.dumps(description.get('method') or description.get('kind'))}"
        raise InputError(weights, problem, "Give the weights.safetensors of a classifier")
    spec = ModelSpec.from_description(description, weights)
    model = spec.build(classes=tuple(description["classes"]), size=description["size"], runtime=runtime)
    model.load(weights)
    return model
