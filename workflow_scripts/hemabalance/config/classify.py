"""The config section `classify`: models, and experiments that train and test them on balanced sets."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, model_validator

from hemabalance.config.entries import MethodEntry, any_entry
from hemabalance.config.references import require_entry
from hemabalance.methods import method_names, settings_class
from hemabalance.protocols import Rules
from hemabalance.section import Section
from hemabalance.training.network_classifier_settings import TrainingSettings


class ModelEntry(MethodEntry):
    """One model; experiments refer to it by its name."""


if TYPE_CHECKING:
    AnyModel = ModelEntry
else:
    AnyModel = any_entry("classify", ModelEntry)


class ExperimentConfig(Section):
    """One model on one balanced set, trained with one or more seeds; its name is that of a folder in the results."""

    recipe: str
    """The balanced set, an entry of balance.recipes."""
    model: str
    """An entry of classify.models, or the name of a method, which then has its default settings."""
    protocol: Rules = "leak_free"
    """How images are divided into training, validation and test sets; see the key protocols."""
    seeds: tuple[int, ...] = Field((1,), min_length=1)
    """Seeds; each gives one training."""
    shown: bool = False
    """Whether `snakemake` runs it if its protocol is listed; `snakemake experiments` runs all experiments."""


class ComparisonConfig(Section):
    """A comparison of two experiments on the same test images."""

    a: str
    """An experiment."""
    b: str
    """Another experiment, with the same protocol."""


class ClassifierEvaluationConfig(Section):
    """Evaluation of classifiers."""

    out_of_distribution_quantile: float = Field(0.99, gt=0.5, lt=1)
    """Quantile of the distance of validation images; an image beyond it is flagged as out of distribution."""


class ClassifyConfig(Section):
    """Classification (thesis §3.7)."""

    training: TrainingSettings = TrainingSettings()
    models: dict[str, AnyModel]
    """Models, by name. Settings of classify.training apply to each network unless its entry overrides them."""
    experiments: dict[str, ExperimentConfig] = Field(min_length=1)
    """Experiments, by name, in the order of the report."""
    comparisons: tuple[ComparisonConfig, ...] = ()
    """Comparisons, made if both experiments are run; the report opens with the first."""
    averages: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Name -> two or more experiments of one protocol with the same seeds: the mean of their probabilities, seed by
    seed, is measured like an experiment of this name. `snakemake experiments` runs them; no table lists them."""
    ablations: dict[str, str] = Field(default_factory=dict)
    """Row of the ablation table -> experiment; the first row is the complete method."""
    recommended: str | None = None
    """Experiment or average, of the protocol leak_free, that `hemabalance predict` uses without a model; the report
    opens with its result, and by how much it is better than the complete method, the first row of ablations."""
    evaluation: ClassifierEvaluationConfig = ClassifierEvaluationConfig()

    @model_validator(mode="after")
    def _known_names(self) -> "ClassifyConfig":
        available = ", ".join(self.experiments)
        references = {f"ablations.{row}": name for row, name in self.ablations.items()}
        for index, pair in enumerate(self.comparisons):
            references |= {f"comparisons.{index}.a": pair.a, f"comparisons.{index}.b": pair.b}
        for where, name in references.items():
            if name not in self.experiments:
                raise ValueError(f"classify.{where} names {name!r}, which is not in classify.experiments: {available}")
        for name, entry in self.experiments.items():
            if entry.model not in self.models:
                raise ValueError(
                    f"classify.experiments.{name}.model is {entry.model!r}, which is not in classify.models: "
                    f"{', '.join(self.models)}"
                )
            if len(set(entry.seeds)) < len(entry.seeds):
                raise ValueError(f"classify.experiments.{name}.seeds lists a seed twice: {list(entry.seeds)}")
        for pair in self.comparisons:
            if self.experiments[pair.a].protocol != self.experiments[pair.b].protocol:
                raise ValueError(f"classify.comparisons: {pair.a} and {pair.b} do not have the same test images")
        return self

    @model_validator(mode="after")
    def _matching_averages(self) -> "ClassifyConfig":
        for name, members in self.averages.items():
            where = f"classify.averages.{name}"
            if name in self.experiments:
                raise ValueError(f"{where} has the name of an experiment: choose another one")
            if len(set(members)) < max(2, len(members)):
                raise ValueError(f"{where} is {list(members)}: name two or more experiments, each once")
            for member in members:
                if member not in self.experiments:
                    available = ", ".join(self.experiments)
                    raise ValueError(f"{where} names {member!r}, which is not in classify.experiments: {available}")
            for key in ("protocol", "seeds"):
                values = [getattr(self.experiments[member], key) for member in members]
                if any(value != values[0] for value in values):
                    listed = ", ".join(f"{m}: {v}" for m, v in zip(members, values, strict=True))
                    raise ValueError(f"{where}: its experiments must have the same {key}, not {listed}")
        return self

    @model_validator(mode="after")
    def _known_recommended(self) -> "ClassifyConfig":
        if (name := self.recommended) is None:
            return self
        known = [*self.experiments, *self.averages]
        require_entry("classify.recommended", name, "classify.experiments or classify.averages", known)
        protocol = self.experiments[next(iter(self.averages.get(name, [name])))].protocol
        if protocol != "leak_free":
            raise ValueError(
                f"classify.recommended names {name!r}, of the protocol {protocol}, under which test images are not "
                "unseen: name one of the protocol leak_free"
            )
        return self


def with_models(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete `classify.models` of a config that `entries.resolve_entries` returned.

    For an experiment, or an entry of `scarcity.recipes` or `across.rows`, whose `model` is the name of a method, add a
    model of that name with the method's default settings. Add the settings of `classify.training` to each network
    whose entry does not override them.
    """
    section = _mapping(values.get("classify"))
    models = section.get("models")
    if not isinstance(models, Mapping):
        return dict(values)  # the validation refuses it
    models = dict(models)
    users = [section.get("experiments"), _mapping(values.get("scarcity")).get("recipes")]
    users.append(_mapping(values.get("across")).get("rows"))
    for user in [entry for entries in users for entry in _mapping(entries).values()]:
        name = _mapping(user).get("model")
        if name in method_names("classify"):
            models.setdefault(name, {"method": name})
    if not models:
        return dict(values)
    shared = _shared_training(section)
    models = {name: _with_training(entry, shared) for name, entry in models.items()}
    return {**values, "classify": {**section, "models": models}}


def _shared_training(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys of `classify.training`; none if one is invalid, so that the error is not repeated for every model."""
    training = _mapping(section.get("training"))
    try:
        TrainingSettings.model_validate_json(json.dumps(training, default=str))
    except ValidationError:
        return {}
    return training


def _with_training(entry: Any, shared: Mapping[str, Any]) -> Any:
    method = _mapping(entry).get("method")
    if method in method_names("classify") and issubclass(settings_class("classify", method), TrainingSettings):
        return {**shared, **entry}
    return entry


def _mapping(value: Any) -> Mapping[Any, Any]:
    """The value if it is a mapping; otherwise an empty one, and the validation refuses the value with a message."""
    return value if isinstance(value, Mapping) else {}
