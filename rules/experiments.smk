# Paths of the experiments' trainings and the files of each page. Functions only, for classify*.smk.
from hemabalance.config.plan_settings import (
    evaluation_settings,
    experts_of,
    merging_sources,
    model_settings,
    page_settings,
    protocol_gain_settings,
)
from hemabalance.methods import traits_of

CLASSIFIER = f"{RUN}/{{protocol}}/classifiers/{{experiment}}/seed-{{training}}"
PAGE = f"{RUN}/{{page}}"
# Sources with labels by further experts, and those of them in which several labels become one class.
EXPERTS = list(experts_of(CONFIG))
MERGING = merging_sources(CONFIG)
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
    "protocol_gain",
]
CLASSIFY_FIGURES = ["classes", "ablations", "reliability", "curves", "protocol_gain"]
CLASSIFY_FIGURES += [f"models_{protocol}" for protocol in PLAN.protocols]


wildcard_constraints:
    experiment="|".join([*CONFIG.classify.experiments, *PLAN.scarcity.experiments]),
    training=r"\d+",
    page="|".join(PLAN.pages),


def model_traits(wildcards):
    """Traits of the method of an experiment's model."""
    return traits_of("classify", PLAN.model_of(wildcards.experiment).method)


def networks_to_run(wildcards):
    """1 if the model runs a network (its own or a frozen one), else 0."""
    traits = model_traits(wildcards)
    return int(traits.trains_networks or traits.frozen_features)


def frozen_features(wildcards):
    """Input `imagenet_file`: the frozen network whose features the model uses; empty for most models."""
    return (
        {"imagenet_file": IMAGENET} if model_traits(wildcards).frozen_features else {}
    )


def stain_weights_of_model(wildcards):
    """Weights of the normaliser of an experiment; none for a method that changes no image."""
    normalizer = PLAN.recipe(PLAN.recipe_of(wildcards.experiment)).normalizer
    if not NORMALIZERS[normalizer].traits.changes_images:
        return []
    return weights_of_normalizer(wildcards.protocol, normalizer)


def training_settings(section, wildcards, **more):
    """The param `settings` of a rule about one training; `section` is a function of plan_settings."""
    experiment, seed = wildcards.experiment, int(wildcards.training)
    features = frozen_features(wildcards)
    return settings(**section(PLAN, experiment, seed, features, **more))


def model_code(script, wildcards):
    """Fingerprint of a script that trains or runs the model of an experiment."""
    return method_code(script, "classify", [PLAN.model_of(wildcards.experiment).method])


def trainings_of(experiment, file):
    """Paths of one file of every training of an experiment."""
    entry = PLAN.experiments[experiment]
    folder = f"{RUN}/{entry.protocol}/classifiers/{experiment}"
    return [f"{folder}/seed-{seed}/{file}" for seed in entry.seeds]


def predictions_of_members(wildcards):
    """Predictions of the experiments of an average, of the same protocol and seed."""
    return [
        f"{RUN}/{wildcards.protocol}/classifiers/{member}/seed-{wildcards.training}/predictions.parquet"
        for member in PLAN.members_of(wildcards.experiment)
    ]


def average_settings(wildcards):
    """The param `settings` of the rule for averages."""
    return settings(
        origin={
            "experiment": wildcards.experiment,
            "protocol": wildcards.protocol,
            "seed": int(wildcards.training),
        }
    )


def averages(file):
    """Paths of one file of every average whose protocol is listed, one for each seed."""
    paths = []
    for name in PLAN.averages:
        member = PLAN.experiments[PLAN.members_of(name)[0]]
        folder = f"{RUN}/{member.protocol}/classifiers/{name}"
        paths += [f"{folder}/seed-{seed}/{file}" for seed in member.seeds]
    return paths


def trainings_on(page, file):
    """Paths of one file of every training on a page."""
    return [path for name in PLAN.pages[page] for path in trainings_of(name, file)]


def other_parts_on(page, kind):
    """Paths of predictions of `synthetic` or `training` images for the table of the protocol's share of a result."""
    return [
        trainings_of(name, f"{kind}_predictions.parquet")[0]
        for name in PLAN.protocol_gain_on(page)
    ]


def real_sets_on(page, file):
    """Paths of one file of the normalised real images of the experiments on a page, each once."""
    return [
        f"{RUN}/{protocol}/stain/{normalizer}/{file}"
        for protocol, normalizer in PLAN.real_sets_on(page)
    ]


def audits_on(page):
    """Paths of the audits of the balanced sets used on a page."""
    return [
        f"{RUN}/{protocol}/balanced/{recipe}/audit.json"
        for protocol, recipe in PLAN.balanced_on(page)
    ]


def page_files(page):
    """Tables and figures of a page, grouped by caption: {caption: {name of the output: path}}."""
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


def of_page(page, folder, paths):
    """Those of the paths that lie in a folder of a page."""
    return [path for path in paths if path.startswith(f"{RUN}/{page}{folder}/")]


def on_page(page, suffix):
    """Paths of the tables (suffix .csv) or figures (.svg) of a page."""
    files = [path for named in page_files(page).values() for path in named.values()]
    return [path for path in files if path.endswith(suffix)]
