# Where the trainings of experiments are, and what the pages hold that show them. Functions only, for classify*.smk.
from hemabalance.config.plan_settings import (
    deployment_settings,
    comparison_settings,
    metrics_settings,
    model_settings,
    page_settings,
    ablation_figure_settings,
    experiment_figure_settings,
    prediction_settings,
)
from hemabalance.methods import traits_of

IMAGENET = "data/weights/mobilenet_v2.safetensors"
CLASSIFIER = f"{RUN}/{{protocol}}/classifiers/{{experiment}}/seed-{{training}}"
PAGE = f"{RUN}/{{page}}"
BALANCE_TABLES = ["counts", "leaks", "shortcuts"]
CLASSIFY_TABLES = [
    "models",
    "classes",
    "sources",
    "cost",
    "comparisons",
    "seeds",
    "yardstick",
    "ablations",
]
CLASSIFY_FIGURES = ["classes", "ablations", "reliability", "curves"]
CLASSIFY_FIGURES += [f"models_{protocol}" for protocol in PLAN.protocols]


wildcard_constraints:
    experiment="|".join(CONFIG.classify.experiments),
    other="|".join(CONFIG.classify.experiments),
    training=r"\d+",
    page="|".join(PLAN.pages),


def model_traits(wildcards):
    """What the workflow must know of the method of an experiment's model."""
    return traits_of("classify", PLAN.model_of(wildcards.experiment).method)


def networks_to_run(wildcards):
    """1 for a model that runs a network, its own or a frozen one; 0 for another."""
    traits = model_traits(wildcards)
    return int(traits.trains_networks or traits.frozen_features)


def frozen_features(wildcards):
    """The frozen network that a model stands on, by the name of the rule's input; none for most."""
    return {"features": IMAGENET} if model_traits(wildcards).frozen_features else {}


def of_training(told, wildcards):
    """What a rule that trains or runs a model is told, one of the functions `*_settings`."""
    experiment, seed = wildcards.experiment, int(wildcards.training)
    return settings(**told(PLAN, experiment, seed, frozen_features(wildcards)))


def model_code(script, wildcards):
    """Fingerprint of a script that trains or runs the model of an experiment."""
    return method_code(script, "classify", [PLAN.model_of(wildcards.experiment).method])


def trainings_of(experiment, file):
    """A file of every training of an experiment."""
    entry = PLAN.experiments[experiment]
    folder = f"{RUN}/{entry.protocol}/classifiers/{experiment}"
    return [f"{folder}/seed-{seed}/{file}" for seed in entry.seeds]


def of_first(file):
    """Input function: a file of the first training of an experiment."""
    return lambda wildcards: trainings_of(wildcards.experiment, file)[0]


def with_and_without(file):
    """Input function: a file of the first training of an ablation, and of the whole."""
    return lambda wildcards: [
        trainings_of(name, file)[0] for name in (wildcards.experiment, PLAN.ablation_baseline)
    ]


def trainings_on(page, file):
    """A file of every training on a page."""
    return [path for name in PLAN.pages[page] for path in trainings_of(name, file)]


def on_page(file):
    """Input function: the same."""
    return lambda wildcards: trainings_on(wildcards.page, file)


def real_set(suffix):
    """Input function: the normalised real images of an experiment, zip or index."""

    def of_experiment(wildcards):
        entry = PLAN.experiments[wildcards.experiment]
        return f"{real_folder(entry.protocol, entry.recipe)}/images.{suffix}"

    return of_experiment


def comparison_files(wildcards):
    """The comparisons on a page."""
    return [
        f"{RUN}/{PLAN.experiments[a].protocol}/comparisons/{a}_and_{b}.json"
        for a, b in PLAN.pairs_on(wildcards.page)
    ]


def audit_files(wildcards):
    """The audit of each balanced set that a page stands on."""
    return [
        f"{RUN}/{protocol}/balanced/{recipe}/audit.json"
        for protocol, recipe in PLAN.balanced_on(wildcards.page)
    ]


def tables_on(page):
    """Tables of a page about balanced sets and classifiers."""
    names = [f"balance_{kind}" for kind in BALANCE_TABLES]
    names += [f"classify_{kind}" for kind in CLASSIFY_TABLES]
    return [f"{RUN}/{page}tables/{name}.csv" for name in names]


def figures_on(page):
    """Figures of a page about balanced sets and classifiers."""
    names = [f"balance_images_{protocol}" for protocol in PLAN.protocols]
    names += [f"classify_{kind}" for kind in CLASSIFY_FIGURES]
    each = [
        f"classify_{kind}_{name}"
        for name in PLAN.pages[page]
        for kind in ("confusion", "examples", "mistakes")
    ]
    each += [f"classify_classes_{name}" for name in PLAN.ablations_on(page)]
    pages = [f"{RUN}/{page}figures/{name}.svg" for name in names]
    return pages + [f"{RUN}/figures/{name}.svg" for name in each]
