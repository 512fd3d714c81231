"""The metadata of a model card for the Hugging Face Hub: YAML between two lines of dashes.

Keys as in https://huggingface.co/docs/hub/model-cards (read in 2025): license, tags, datasets, metrics, model-index.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from hemabalance.classify.model_schema import RENDERED, ModelFile

LICENCES = {"CC BY 4.0": "cc-by-4.0", "CC BY 3.0": "cc-by-3.0", "CC0 1.0": "cc0-1.0", "MIT": "mit"}
"""Licence as written in the catalogue -> its identifier on the hub; other licences are named in full."""

METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "macro_f1": "f1",
    "macro_auroc": "roc_auc",
}
"""Metric of `model.json` -> its identifier on the hub."""


def metadata(content: ModelFile) -> str:
    """The metadata of a model as the first lines of its README.md, with line breaks at the end.

    The licence is that of the training data, from which the weights derive: its identifier, a list of those of several
    sources, or `other` with the names of all if one of them has no identifier.
    """
    document = {
        **_licence(content),
        "library_name": "hemabalance",
        "pipeline_tag": "image-classification",
        "tags": sorted({"biology", "blood-cells", "hematology", "image-classification", "microscopy", content.method}),
        "datasets": [part.doi or name for name, part in _trained(content) if part.doi != "none"],
        "metrics": [hub for name, hub in METRICS.items() if name in content.metrics],
        "model-index": [{"name": content.experiment, "results": list(_results(content))}],
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{text}---\n"


def _trained(content: ModelFile) -> list[tuple[str, Any]]:
    """The sources with training images."""
    return [(name, part) for name, part in content.data.items() if part.images]


def _licence(content: ModelFile) -> dict[str, Any]:
    names = list(dict.fromkeys(part.licence for _, part in _trained(content)))
    if names and all(name in LICENCES for name in names):
        identifiers = [LICENCES[name] for name in names]
        return {"license": identifiers if len(identifiers) > 1 else identifiers[0]}
    words = re.findall("[a-z0-9.]+", " and ".join(names or ["none given"]).lower())
    return {"license": "other", "license_name": "-".join(words)}


def _results(content: ModelFile) -> Iterator[dict[str, Any]]:
    """The scores on the real test images of all sources together, without those that cannot be estimated."""
    values = {name: content.metrics[name].value for name in METRICS if name in content.metrics}
    scores = [
        {"type": METRICS[name], "name": name.replace("_", " "), "value": round(value, 4)}
        for name, value in values.items()
        if value is not None
    ]
    if scores:
        kind = "rendered cells" if RENDERED in content.notes else "held-out photographs"
        dataset = {"type": "image-folder", "name": f"{kind} of {', '.join(name for name, _ in _trained(content))}"}
        yield {"task": {"type": "image-classification"}, "dataset": dataset, "metrics": scores}
