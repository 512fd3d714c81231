# Where the trainings of experiments are, and what the pages hold that show them. Functions only, for classify*.smk.
from hemabalance.config.plan_settings import (
    evaluation_settings,
    model_settings,
    page_settings,
)
from hemabalance.methods import traits_of

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


def trainings_on(page, file):
    """A file of every training on a page."""
    return [path for name in PLAN.pages[page] for path in trainings_of(name, file)]


def real_sets_on(page, file):
    """A file of the normalised real images of every experiment on a page, each once."""
    return [
        f"{RUN}/{protocol}/stain/{normalizer}/{file}"
        for protocol, normalizer in PLAN.real_sets_on(page)
    ]


def audits_on(page):
    """The audit of each balanced set that a page stands on."""
    return [
        f"{RUN}/{protocol}/balanced/{recipe}/audit.json"
        for protocol, recipe in PLAN.balanced_on(page)
    ]


def page_files(page):
    """Tables and figures of a page about balanced sets and classifiers: by caption, an output's name -> its file."""
    tables, figures = f"{RUN}/{page}tables", f"{RUN}/{page}figures"

    def of_each(kinds, experiments):
        return {
            f"{kind}_{name}": f"{figures}/classify_{kind}_{name}.svg"
            for name in experiments
            for kind in kinds
        }

    shown = PLAN.pages[page]
    return {
        "balance_tables": {
            f"balance_{kind}": f"{tables}/balance_{kind}.csv" for kind in BALANCE_TABLES
        },
        "balance_images": {
            f"balance_images_{protocol}": f"{figures}/balance_images_{protocol}.svg"
            for protocol in PLAN.protocols
        },
        "classify_tables": {
            f"table_{kind}": f"{tables}/classify_{kind}.csv" for kind in CLASSIFY_TABLES
        },
        "classify_figures": {
            f"figure_{kind}": f"{figures}/classify_{kind}.svg"
            for kind in CLASSIFY_FIGURES
        }
        | of_each(["classes"], PLAN.ablations_on(page)),
        "classify_confusion": of_each(["confusion"], shown),
        "classify_examples": of_each(["examples", "mistakes"], shown),
    }


def on_page(page, suffix):
    """The tables (.csv) or figures (.svg) of a page."""
    files = [path for named in page_files(page).values() for path in named.values()]
    return [path for path in files if path.endswith(suffix)]
