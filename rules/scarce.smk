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
    """Settings of the report: the trainings in the order of `scarcity_files`, and the roles of the recipes."""
    keys = ["classes", "baseline", "line", "control", "synthesis", "ceiling"]
    return {
        "run": CONFIG.run,
        "trainings": [
            {"recipe": t.recipe, "n": t.n, "draw": t.draw, "seed": t.seed}
            for t in PLAN.scarcity.trainings
        ],
        "arms": {key: getattr(CONFIG.scarcity, key) for key in keys},
    }
