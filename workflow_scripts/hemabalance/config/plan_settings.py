"""Settings of the rules for balanced sets and classifiers: JSON values. A change of any value reruns the rule."""

import re
from collections.abc import Mapping
from typing import Any

from hemabalance.config.plan import Plan
from hemabalance.config.run import Config
from hemabalance.config.sources import SourceConfig
from hemabalance.methods import traits_of
from hemabalance.protocols import Protocol

Settings = dict[str, Any]


def recipe_settings(plan: Plan, recipe: str, protocol: str) -> Settings:
    """Settings of the rule that makes a balanced set."""
    entry, config = plan.recipe(recipe), plan.config
    return {
        "sets": plan.sets(recipe),
        "lists": plan.real_image_consumers(recipe),
        "recipe": {
            "name": recipe,
            "protocol": protocol,
            "rich": entry.rich,
            "rare": entry.rare,
            "gated": entry.gate != "none",
            "teachers": plan.teachers(recipe),
            "roles": config.synthesis.roles.model_dump(),
            "classes": config.classes,
        },
        "balance": {
            "target_per_class": config.synthesis.draws.target_per_class,
            "above": config.balance.above,
            **config.split.model_dump(include={"test_share", "validation_share"}),
        },
        "audit": {
            "size": plan.size(recipe),
            "audit_images": config.balance.audit_images,
            "folds": config.balance.folds,
            **config.duplicates.model_dump(),
        },
    }


def model_settings(plan: Plan, experiment: str, seed: int, inputs: Mapping[str, str]) -> Settings:
    """Settings of the rule that trains a model.

    Args:
        plan: of the run.
        experiment, seed: identify the training.
        inputs: settings of the model whose values are paths of files that the workflow makes, by name.
    """
    recipe, entry = plan.recipe_of(experiment), plan.model_of(experiment)
    return {
        "precision": plan.config.precision,
        "training": seed,
        "sets": plan.sets(recipe),
        "model": {"method": entry.method, "settings": {**entry.method_settings("classify").plain, **inputs}},
        "size": plan.size(recipe),
        "classes": list(plan.config.classes),
    }


def evaluation_settings(
    plan: Plan, experiment: str, seed: int, inputs: Mapping[str, str], protocol: Protocol | None = None
) -> Settings:
    """Settings of the rule that evaluates a model and packages it.

    Args:
        plan, experiment, seed, inputs: as `model_settings`.
        protocol: of the training; default: that of the experiment.
    """
    return {
        **model_settings(plan, experiment, seed, inputs),
        "quantile": plan.config.classify.evaluation.out_of_distribution_quantile,
        "experts": experts_of(plan.config),
        "merging": merging_sources(plan.config),
        **deployment_settings(plan, experiment, seed, protocol),
    }


def protocol_gain_settings(plan: Plan, experiment: str, seed: int, inputs: Mapping[str, str]) -> Settings:
    """Settings of the rule that predicts images outside of the leak-free test; arguments as `model_settings`."""
    of_model = model_settings(plan, experiment, seed, inputs)
    gated = plan.recipe(plan.recipe_of(experiment)).gate != "none"
    return {key: of_model[key] for key in ("precision", "training", "sets")} | {"gated": gated}


def experts_of(config: Config) -> dict[str, int]:
    """Source -> number of experts whose labels it has besides its own; sources without experts are left out."""
    counts = {name: len(source.labels.experts) for name, source in sorted(config.sources.items())}
    return {name: experts for name, experts in counts.items() if experts}


def merging_sources(config: Config) -> list[str]:
    """The sources with labels by experts in which several labels become one class, sorted."""
    return [name for name in experts_of(config) if _merges(config.sources[name])]


def _merges(source: SourceConfig) -> bool:
    named = [label for label in source.classes.values() if label is not None]
    return len(set(named)) < len(named)


def deployment_settings(plan: Plan, experiment: str, seed: int, protocol: Protocol | None = None) -> Settings:
    """Settings for packaging a model for use outside of the workflow; `protocol`: as `evaluation_settings`."""
    config, entry = plan.config, plan.entry_of(experiment)
    normalizer = plan.recipe(entry.recipe).normalizer
    stain = config.stain.normalizers[normalizer]
    changes_images = traits_of("stain", stain.method).changes_images
    return {
        "limits": config.limits.model_dump(),
        "origin": {
            "experiment": experiment,
            "recipe": entry.recipe,
            "protocol": protocol or entry.protocol,
            "seed": seed,
        },
        "frame": {
            "size": config.images.size,
            "fit": config.images.fit,
            "fields": {name: source.field for name, source in config.sources.items()},
            "max_pixels": config.pixels.max_pixels,
            "min_side": config.pixels.min_side,
        },
        "stain": {
            "name": normalizer,
            "method": stain.method,
            "settings": stain.method_settings("stain").plain,
            "direction": stain.direction if changes_images else "none",
            "classes": config.stain.classes,
            "reference": config.reference,
        },
        "mapped": list(config.other_sources) if changes_images else [],
        "originals": sorted(config.sources) if changes_images else list(config.labelled_sources),
        "grouped": [name for name, source in config.sources.items() if _names_groups(source)],
        "rendered": any(source.origin == "phantom" for source in config.sources.values()),
    }


def _names_groups(source: SourceConfig) -> bool:
    pattern = re.compile(source.labels.pattern or "")
    return source.labels.group is not None or "group" in pattern.groupindex


def experiment_description(plan: Plan, experiment: str) -> Settings:
    """Description of an experiment for tables and figures; also of one whose protocol is not listed."""
    config = plan.config
    entry = config.classify.experiments[experiment]
    recipe, model = plan.recipe(entry.recipe), config.classify.models[entry.model]
    network = getattr(model, "architecture", model.method)
    if getattr(model, "gather_excite", False):
        network = f"{network}_ge"
    return {
        "name": experiment,
        "model": entry.model,
        "recipe": entry.recipe,
        "protocol": entry.protocol,
        "network": network,
        "normalizer": config.stain.normalizers[recipe.normalizer].method,
        "rich": recipe.rich and config.synthesis.generators[recipe.rich].method,
        "rare": recipe.rare and config.synthesis.generators[recipe.rare].method,
    }


def page_settings(plan: Plan, page: str) -> Settings:
    """Settings of the rules for tables and figures of a page."""
    pairs = plan.pairs_on(page)
    trainings = [(name, seed) for name in plan.pages[page] for seed in plan.experiments[name].seeds]
    return {
        "preset": plan.config.preset,
        "experiments": [{**experiment_description(plan, name), "seed": seed} for name, seed in trainings],
        "comparisons": [{"names": pair, "protocol": plan.experiments[pair[0]].protocol} for pair in pairs],
        "figures": {name: experiment_figure_settings(plan, name) for name in plan.pages[page]},
        "ablated": plan.ablations_on(page),
        "baseline": plan.ablation_baseline,
        "ablations": [
            {"row": row, **experiment_description(plan, name)} for row, name in plan.config.classify.ablations.items()
        ],
        "question": pairs[0] if pairs else None,
        "protocol_gain": plan.protocol_gain_on(page),
        "recommendation": {role: _compared_experiment(plan, page, name) for role, name in plan.recommendation.items()},
    }


def _compared_experiment(plan: Plan, page: str, name: str) -> Settings:
    """Members, protocol and, if it is on a page, seeds of an experiment or average."""
    entries = {member: plan.config.classify.experiments[member] for member in plan.experiments_of(name)}
    first = next(iter(entries.values()))
    return {
        "name": name,
        "members": [{"name": key, "recipe": entry.recipe, "model": entry.model} for key, entry in entries.items()],
        "protocol": first.protocol,
        "seeds": list(first.seeds) if plan.is_on(page, name) else [],
    }


def experiment_figure_settings(plan: Plan, experiment: str) -> Settings:
    """Settings for the figures of an experiment."""
    return {"heading": plan.heading(experiment), "images": "/".join(plan.real_set(experiment))}
