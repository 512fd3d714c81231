# The trainings of the scarcity experiment. Functions only, for splits.smk and scarcity.smk; hemabalance/config/
# scarcity_plan.py decides which trainings there are.
from hemabalance.config.scarcity_plan import WHOLE

SCARCITY = f"{RUN}/scarcity"


def cut_settings(protocol):
    """Which classes a scarce protocol cuts, and to how many images in which draw."""
    n, draw = PLAN.scarcity.protocols[protocol]
    return {"classes": CONFIG.scarcity.classes, "n": n, "draw": draw}


def scarcity_files(file):
    """Paths of one file of every training and average of the scarcity experiment."""
    return [
        f"{RUN}/{training.protocol}/classifiers/{training.experiment}/seed-{training.seed}/{file}"
        for training in PLAN.scarcity.trainings
    ]


def added_files():
    """Inputs of the contact sheets, in the order of `PLAN.added_by_scarcity`: balanced sets and both image sets."""
    shown = PLAN.added_by_scarcity
    real = [real_folder(protocol, recipe) for protocol, recipe, _ in shown]
    drawn = [generator_folder(*names) for names in shown]
    return {
        "tables": [
            f"{RUN}/{p}/balanced/{recipe}/images.parquet" for p, recipe, _ in shown
        ],
        "images": [f"{folder}/images.zip" for folder in real],
        "indexes": [f"{folder}/images.parquet" for folder in real],
        "drawn": [f"{folder}/images.zip" for folder in drawn],
        "drawn_indexes": [f"{folder}/images.parquet" for folder in drawn],
    }


def added_sheets():
    """Paths of the contact sheets, in the order of `PLAN.added_by_scarcity`."""
    return [
        f"{SCARCITY}/figures/added_{protocol}_{generator}_in_{recipe}.svg"
        for protocol, recipe, generator in PLAN.added_by_scarcity
    ]


def added_settings(protocol, recipe, generator):
    """Settings of one contact sheet."""
    n, draw = PLAN.scarcity.protocols[protocol]
    names = {"protocol": protocol, "recipe": recipe, "generator": generator}
    return {**names, "n": n, "draw": draw, "size": PLAN.size(recipe)}


def require_scarcity():
    """Stop with a message where the config plans no scarcity experiment."""
    if not PLAN.scarcity.is_planned:
        raise WorkflowError(
            "config key scarcity.classes: names no class, so there is no scarcity experiment. Name well-filled "
            "classes, or add profiles/overlays/scarcity.yaml to --configfile."
        )


def scarcity_page(wildcards):
    """The page of the scarcity experiment, the input of its target."""
    require_scarcity()
    return f"{SCARCITY}/report.html"


def scarcity_settings():
    """Settings of the report: trainings and contact sheets in the order of their files, and the recipes' roles."""
    keys = ["classes", "baseline", "line", "control", "synthesis", "ceiling"]
    return {
        "run": CONFIG.run,
        "trainings": [
            {"recipe": t.recipe, "n": t.n, "draw": t.draw, "seed": t.seed}
            for t in PLAN.scarcity.trainings
        ],
        "arms": {key: getattr(CONFIG.scarcity, key) for key in keys},
        "added": [added_settings(*names) for names in PLAN.added_by_scarcity],
    }
