"""The config section `classify`: who is trained and tested on which balanced sets."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, model_validator

from hemabalance.config.entries import MethodEntry, any_entry
from hemabalance.methods import method_names, settings_class
from hemabalance.protocols import Protocol
from hemabalance.section import Section
from hemabalance.training.network_classifier_settings import TrainingSettings


class ModelEntry(MethodEntry):
    """One model: experiments name it."""


if TYPE_CHECKING:
    AnyModel = ModelEntry
else:
    AnyModel = any_entry("classify", ModelEntry)


class ExperimentConfig(Section):
    """One model on one balanced set, trained with one or more seeds: the name is a folder of results."""

    recipe: str
    """Which balanced set, of balance.recipes."""
    model: str
    """An entry of classify.models, or a method that no entry there is named like, with its default settings."""
    protocol: Protocol = "leak_free"
    """Who may see what."""
    seeds: tuple[int, ...] = Field((1,), min_length=1)
    """One training each."""
    shown: bool = False
    """`snakemake` runs it if its protocol is listed; `snakemake experiments` runs all."""


class ComparisonConfig(Section):
    """Two experiments on the same test images."""

    a: str
    """An experiment."""
    b: str
    """Another one, of the same protocol."""


class ClassifierEvaluationConfig(Section):
    """How classifiers are measured."""

    out_of_distribution_quantile: float = Field(0.99, gt=0.5, lt=1)
    """Quantile of validation images; what lies farther out is called unlike the training data."""


class ClassifyConfig(Section):
    """Classification (thesis §3.7)."""

    training: TrainingSettings = TrainingSettings()
    models: dict[str, AnyModel]
    """Models, by name; a network has each setting of classify.training that it does not give itself."""
    experiments: dict[str, ExperimentConfig] = Field(min_length=1)
    """Trainings of models on balanced sets, by name, in the order of the report."""
    comparisons: tuple[ComparisonConfig, ...] = ()
    """Made where both experiments are run; the first is the question that the report opens with."""
    ablations: dict[str, str] = Field(default_factory=dict)
    """Row of the ablation table -> experiment; the first row is what the others leave something out of."""
    evaluation: ClassifierEvaluationConfig = ClassifierEvaluationConfig()

    @model_validator(mode="after")
    def _known_names(self) -> "ClassifyConfig":
        have = ", ".join(self.experiments)
        named = {f"ablations.{row}": name for row, name in self.ablations.items()}
        for place, pair in enumerate(self.comparisons):
            named |= {f"comparisons.{place}.a": pair.a, f"comparisons.{place}.b": pair.b}
        for where, name in named.items():
            if name not in self.experiments:
                raise ValueError(f"classify.{where} names {name!r}, which is not in classify.experiments: {have}")
        for name, entry in self.experiments.items():
            if entry.model not in self.models:
                raise ValueError(
                    f"classify.experiments.{name}.model is {entry.model!r}, which is not in classify.models: "
                    f"{', '.join(self.models)}"
                )
            if len(set(entry.seeds)) < len(entry.seeds):
                raise ValueError(f"classify.experiments.{name}.seeds lists one twice: {list(entry.seeds)}")
        for pair in self.comparisons:
            if self.experiments[pair.a].protocol != self.experiments[pair.b].protocol:
                raise ValueError(f"classify.comparisons: {pair.a} and {pair.b} have not the same test images")
        return self


def with_models(values: Mapping[str, Any]) -> dict[str, Any]:
    """A config whose entries are complete (`entries.resolve_entries`), with every model that an experiment names.

    An experiment that names no model but a method gets a model of that name, with the method's default settings; and
    each network gets the settings of `classify.training` that it does not give itself.
    """
    section = _mapping(values.get("classify"))
    models = section.get("models")
    if not isinstance(models, Mapping):
        return dict(values)  # refused later
    models = dict(models)
    for experiment in _mapping(section.get("experiments")).values():
        name = _mapping(experiment).get("model")
        if name in method_names("classify"):
            models.setdefault(name, {"method": name})
    if not models:
        return dict(values)
    shared = _shared_training(section)
    trained = {name: _trained(entry, shared) for name, entry in models.items()}
    return {**values, "classify": {**section, "models": trained}}


def _shared_training(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys of `classify.training`; none where one is wrong, so that this is not said of every model too."""
    given = _mapping(section.get("training"))
    try:
        TrainingSettings.model_validate_json(json.dumps(given, default=str))
    except ValidationError:
        return {}
    return given


def _trained(entry: Any, shared: Mapping[str, Any]) -> Any:
    method = _mapping(entry).get("method")
    if method in method_names("classify") and issubclass(settings_class("classify", method), TrainingSettings):
        return {**shared, **entry}
    return entry


def _mapping(value: Any) -> Mapping[Any, Any]:
    """The value, or an empty mapping where it is none, which is refused later, with what is wrong about it."""
    return value if isinstance(value, Mapping) else {}
