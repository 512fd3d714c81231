# Where the parts of a balanced set are. Functions only, for balance.smk and classify.smk; what there is and what rules
# are told is in hemabalance/config/plan.py and plan_settings.py.
from hemabalance.config.plan import Plan
from hemabalance.config.plan_settings import recipe_settings

PLAN = Plan(CONFIG)
# By kind, the list of the real images that someone was given.
SEEN = {
    "normalizer": "stain/{normalizer}/seen.parquet",
    "generator": "synthesis/{normalizer}/{name}/seen.parquet",
    "gate": "synthesis/{normalizer}/{name}/gate_seen.parquet",
    "teacher": "synthesis/{normalizer}/{name}/seen.parquet",
    "judge": "synthesis_judge/{normalizer}/seen.parquet",
}


wildcard_constraints:
    recipe="|".join(CONFIG.balance.recipes),


def recipe_of(wildcards):
    """The recipe in question, by a wildcard of its own or by its experiment."""
    return wildcards.get("recipe") or PLAN.recipe_of(wildcards.experiment)


def real_folder(protocol, recipe):
    """Where the normaliser of a recipe is, and the real images that it made."""
    return f"{RUN}/{protocol}/stain/{PLAN.recipe(recipe).normalizer}"


def generator_folder(protocol, recipe, generator):
    """Where a generator of a recipe is, and the images that it made."""
    return f"{RUN}/{protocol}/synthesis/{PLAN.recipe(recipe).normalizer}/{generator}"


def set_files(wildcards):
    """The image sets of a recipe, in the order of their names."""
    recipe = recipe_of(wildcards)
    folders = [real_folder(wildcards.protocol, recipe)] + [
        generator_folder(wildcards.protocol, recipe, name)
        for name in PLAN.recipe(recipe).generators
    ]
    return {
        "images": [f"{folder}/images.zip" for folder in folders],
        "indexes": [f"{folder}/images.parquet" for folder in folders],
    }


def seen_image_tables(wildcards):
    """The list of everyone in a recipe who was given real images."""
    normalizer = PLAN.recipe(wildcards.recipe).normalizer
    return [
        f"{RUN}/{wildcards.protocol}/"
        + SEEN[kind].format(normalizer=normalizer, name=name)
        for kind, name in PLAN.real_image_consumers(wildcards.recipe)
    ]


def gate_files(wildcards):
    """The gate's word on what each generator of a recipe drew."""
    return [
        f"{generator_folder(wildcards.protocol, wildcards.recipe, name)}/gate.parquet"
        for name in PLAN.recipe(wildcards.recipe).generators
    ]


def balanced_set(wildcards):
    """The balanced set that an experiment is about."""
    return f"{RUN}/{wildcards.protocol}/balanced/{recipe_of(wildcards)}/images.parquet"


def stain_weights(wildcards):
    """The weights of the normaliser of an experiment's images."""
    folder = real_folder(wildcards.protocol, recipe_of(wildcards))
    return f"{folder}/weights.safetensors"
