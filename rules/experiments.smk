# Paths and settings of the experiments' trainings. Functions only, for classify*.smk.
from hemabalance.config.plan_settings import (
    evaluation_settings,
    experts_of,
    merging_sources,
    model_settings,
    protocol_gain_settings,
)
from hemabalance.methods import traits_of

CLASSIFIER = f"{RUN}/{{protocol}}/classifiers/{{experiment}}/seed-{{training}}"
NORMALIZER_OF_MODEL = f"{CLASSIFIER}/normalizer/{{source}}.safetensors"
# Sources with labels by further experts, and those of them in which several labels become one class.
EXPERTS = list(experts_of(CONFIG))
MERGING = merging_sources(CONFIG)


wildcard_constraints:
    experiment="|".join(
        [
            *CONFIG.classify.experiments,
            *PLAN.scarcity.experiments,
            *PLAN.across.experiments,
        ]
    ),
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


def normalizer_of_model(wildcards):
    """Name of the normaliser of an experiment's images."""
    return PLAN.recipe(PLAN.recipe_of(wildcards.experiment)).normalizer


def normalises(wildcards):
    """Whether the normaliser of an experiment changes images."""
    return NORMALIZERS[normalizer_of_model(wildcards)].traits.changes_images


def weights_to_copy(wildcards):
    """Weights of the normaliser of an experiment for the wildcard `source`."""
    folder = f"{RUN}/{wildcards.protocol}/stain/{normalizer_of_model(wildcards)}"
    return f"{folder}/{wildcards.source}/weights.safetensors"


def stain_weights_of_model(wildcards):
    """Weights of the normaliser of an experiment in the folder of its model; none for a method that changes no image."""
    if not normalises(wildcards):
        return []
    return expand(NORMALIZER_OF_MODEL, source=OTHER_SOURCES, **wildcards)


def originals_of_model(wildcards):
    """Inputs with the images before normalisation of the sources of an experiment and of its normaliser."""
    files = images_of(SOURCES if normalises(wildcards) else LABELLED_SOURCES)
    return {"originals": files["images"], "original_indexes": files["indexes"]}


def training_settings(section, wildcards, **more):
    """The param `settings` of a rule about one training; `section` is a function of plan_settings."""
    experiment, seed = wildcards.experiment, int(wildcards.training)
    features = frozen_features(wildcards)
    return settings(**section(PLAN, experiment, seed, features, **more))


def model_code(script, wildcards):
    """Fingerprint of a script that trains or runs the model of an experiment."""
    return method_code(script, "classify", [PLAN.model_of(wildcards.experiment).method])


def trainings_of(name, file):
    """Paths of one file of every training of an experiment, or of an average for each seed."""
    entry = PLAN.experiments[PLAN.experiments_of(name)[0]]
    folder = f"{RUN}/{entry.protocol}/classifiers/{name}"
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
    return [path for name in PLAN.averages for path in trainings_of(name, file)]


def models_of_recommended():
    """Paths of model.json of every training of the recommended experiment, or of the experiments of the average."""
    name = CONFIG.classify.recommended
    if name is None:
        raise WorkflowError(
            "classify.recommended names no experiment in this config: name one, or choose another target."
        )
    unlisted = [one for one in PLAN.experiments_of(name) if one not in PLAN.experiments]
    if unlisted:
        raise WorkflowError(
            f"classify.recommended names {name}, whose protocol is not listed: add leak_free to protocols."
        )
    return [
        path
        for member in PLAN.experiments_of(name)
        for path in trainings_of(member, "model.json")
    ]
