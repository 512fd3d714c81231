# Paths of the parts of a balanced set. Functions only, for balance.smk and classify.smk; hemabalance/config/plan.py and
# plan_settings.py decide which parts there are and which settings the rules get.
from hemabalance.config.plan_settings import recipe_settings

# Table of the real images that a training or a gate was given, by kind; those of normalisers are in of_pairs.
SEEN_TABLES = {
    "generator": "synthesis/{normalizer}/{name}/seen.parquet",
    "gate": "synthesis/{normalizer}/{name}/gate_seen.parquet",
    "teacher": "synthesis/{normalizer}/{name}/seen.parquet",
    "judge": "synthesis_judge/{normalizer}/seen.parquet",
}


wildcard_constraints:
    recipe="|".join(CONFIG.balance.recipes),


def recipe_of(wildcards):
    """The recipe of a job: the wildcard `recipe`, or the recipe of the wildcard `experiment`."""
    return wildcards.get("recipe") or PLAN.recipe_of(wildcards.experiment)


def teacher_of(wildcards):
    """The row of `across` that labels images for the wildcard `experiment`; None for most jobs."""
    return PLAN.across.teachers.get(wildcards.get("experiment"))


def real_folder(protocol, recipe):
    """Folder of a recipe's normaliser and its normalised real images."""
    return f"{RUN}/{protocol}/stain/{PLAN.recipe(recipe).normalizer}"


def generator_folder(protocol, recipe, generator):
    """Folder of a recipe's generator and its images."""
    return f"{RUN}/{protocol}/synthesis/{PLAN.recipe(recipe).normalizer}/{generator}"


def set_files(wildcards):
    """Image sets of a recipe: real images first, then one set a generator."""
    recipe = recipe_of(wildcards)
    teacher = teacher_of(wildcards)
    real = (
        row_folder(wildcards.protocol, teacher)
        if teacher
        else real_folder(wildcards.protocol, recipe)
    )
    folders = [real] + [
        generator_folder(wildcards.protocol, recipe, name)
        for name in PLAN.recipe(recipe).generators
    ]
    return {
        "images": [f"{folder}/images.zip" for folder in folders],
        "indexes": [f"{folder}/images.parquet" for folder in folders],
    }


def seen_image_tables(wildcards):
    """seen.parquet of every training and gate of a recipe."""
    normalizer = PLAN.recipe(wildcards.recipe).normalizer
    return of_pairs(wildcards.protocol, normalizer, "seen.parquet") + [
        f"{RUN}/{wildcards.protocol}/"
        + SEEN_TABLES[kind].format(normalizer=normalizer, name=name)
        for kind, name in PLAN.real_image_consumers(wildcards.recipe)
        if kind != "normalizer"
    ]


def gate_files(wildcards):
    """gate.parquet of each generator of a recipe."""
    recipe = recipe_of(wildcards)
    return [
        f"{generator_folder(wildcards.protocol, recipe, name)}/gate.parquet"
        for name in PLAN.recipe(recipe).generators
    ]


def balanced_set(wildcards):
    """Table of the balanced set of a recipe or experiment."""
    if teacher := teacher_of(wildcards):
        return pseudo_labelled(teacher, wildcards.training, "images.parquet")
    return f"{RUN}/{wildcards.protocol}/balanced/{recipe_of(wildcards)}/images.parquet"
