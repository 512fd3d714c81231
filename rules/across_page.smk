# The page of the experiment across laboratories. Functions only, for across.smk and the target of the Snakefile.
def trainings_behind(row, seed):
    """training.json of every network behind a row with one seed, those that labelled images for it last."""
    return [
        f"{ACROSS_RUN}/classifiers/{experiment}/seed-{seed}/training.json"
        for experiment in PLAN.across.experiments_behind(row)
    ]


def across_settings():
    """Settings of the report: rows in the order of their files, and what they are."""
    return {
        "run": CONFIG.run,
        "rows": [
            {
                "row": row,
                "seed": seed,
                "trainings": len(trainings_behind(row, seed)),
                "pseudo_labels": (row, seed) in PLAN.across.pseudo_labelled,
            }
            for row, seed in PLAN.across.seeded_rows
        ],
        "arms": {
            "source": REFERENCE,
            **CONFIG.across.model_dump(include={"baseline", "leading", "thesis"}),
            "descriptions": {
                name: PLAN.across.description(name) for name in CONFIG.across.rows
            },
        },
    }


def require_across():
    """Stop with a message where the config plans no experiment across laboratories."""
    if not PLAN.across.is_planned:
        raise WorkflowError(
            "config key across.rows: names no row, so there is no experiment across laboratories. Add "
            "profiles/overlays/across.yaml to --configfile."
        )


def across_page(wildcards):
    """The page of the experiment across laboratories, the input of its target."""
    require_across()
    return f"{ACROSS}/report.html"
