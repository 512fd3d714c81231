# The rows of the experiment across laboratories. Functions only, for splits.smk and across.smk; hemabalance/config/
# across_plan.py decides which trainings there are.
from hemabalance.config.across_checks import BASIS
from hemabalance.protocols import across_protocol

ACROSS = f"{RUN}/across"
ACROSS_RUN = f"{RUN}/{across_protocol(REFERENCE)}"
ROW_PREDICTIONS = (
    f"{RUN}/{{protocol}}/across/{{row}}/seed-{{training}}/predictions.parquet"
)
# The balanced set of the rows with `pseudo_labels` of a row.
PSEUDO_LABELLED = f"{RUN}/{{protocol}}/across/{{row}}/seed-{{training}}/pseudo_labels"
# Images of all sources, as the trainings' set has those of the reference.
UNTOUCHED = (
    f"{ACROSS_RUN}/stain/{PLAN.recipe(CONFIG.across.recipe).normalizer}"
    if PLAN.across.is_planned
    else ""
)


wildcard_constraints:
    row=one_of(CONFIG.across.rows),


def row_file(row, seed):
    """Path of the predictions of a row with one seed."""
    return ROW_PREDICTIONS.format(
        protocol=across_protocol(REFERENCE), row=row, training=seed
    )


def pseudo_labelled(row, seed, file):
    """Path of one file of the images of other sources that a row labels, as a balanced set."""
    folder = PSEUDO_LABELLED.format(
        protocol=across_protocol(REFERENCE), row=row, training=seed
    )
    return f"{folder}/{file}"


def training_of_row(wildcards, file):
    """Path of one file of the training of a row's model."""
    experiment = CONFIG.across.rows[wildcards.row].experiment
    return f"{RUN}/{wildcards.protocol}/classifiers/{experiment}/seed-{wildcards.training}/{file}"


def normalizer_of_row(row):
    """The normaliser of a row; without one, that of the trainings' set, which changes no image."""
    normalizer = CONFIG.across.rows[row].normalizer
    return normalizer or PLAN.recipe(CONFIG.across.recipe).normalizer


def row_folder(protocol, row):
    """Folder of a row's normaliser and its normalised real images."""
    return f"{RUN}/{protocol}/stain/{normalizer_of_row(row)}"


def images_of_row(wildcards):
    """Images of all sources as the normaliser of a row returns them."""
    folder = row_folder(wildcards.protocol, wildcards.row)
    return {"images": f"{folder}/images.zip", "index": f"{folder}/images.parquet"}


def seen_by_normalizer(wildcards):
    """seen.parquet of each fit of the normaliser of a row."""
    normalizer = normalizer_of_row(wildcards.row)
    return of_pairs(wildcards.protocol, normalizer, "seen.parquet")


def row_settings(wildcards):
    """How the model of a row predicts images."""
    row = CONFIG.across.rows[wildcards.row]
    return {
        "source": REFERENCE,
        "poses": row.poses,
        "zooms": row.zooms,
        "own_statistics": row.statistics == "images",
    }


def running_settings(wildcards):
    """The settings of a rule that runs the model of a row."""
    return {
        "precision": CONFIG.precision,
        "normalizer": normalizer_of_row(wildcards.row),
        "views": row_settings(wildcards),
    }


def pseudo_label_settings(wildcards):
    """Which predictions of a row become labels, and how the set with them is made and audited."""
    recipe = recipe_settings(PLAN, CONFIG.across.recipe, wildcards.protocol)
    normalizer = normalizer_of_row(wildcards.row)
    return {
        "teacher": wildcards.row,
        "training": int(wildcards.training),
        "confidence": CONFIG.across.confidence,
        "classes": CLASSES,
        "lists": list(PLAN.fitted_names(normalizer).values()),
        **{key: recipe[key] for key in ("balance", "audit")},
    }


def row_code(script, wildcards):
    """Fingerprint of a script that runs the model of a row."""
    model = CONFIG.classify.models[CONFIG.across.rows[wildcards.row].model]
    return method_code(script, "classify", [model.method])


def members_of_row(wildcards):
    """Predictions of the rows of an average, with the same seed."""
    return [
        row_file(member, wildcards.training)
        for member in CONFIG.across.members(wildcards.row)
    ]
