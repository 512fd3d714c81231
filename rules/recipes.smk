# What a recipe is made of and an experiment runs on, as files and settings. Functions only; the rules are in
# balance.smk, classify.smk and classify_tables.smk.
from hemabalance.classify import METHODS as CLASSIFY_MODULES

RECIPES = CONFIG.balance.recipes
EXPERIMENTS = {
    name: entry
    for name, entry in CONFIG.classify.experiments.items()
    if entry.protocol in CONFIG.protocols
}
PAIRS = [
    (pair.a, pair.b)
    for pair in CONFIG.classify.comparisons
    if pair.a in EXPERIMENTS and pair.b in EXPERIMENTS
]
# By page, which is a folder of the run, the experiments on it: what `snakemake` runs, what `snakemake experiments` runs.
PAGES = {
    "": [name for name in CONFIG.classify.shown if name in EXPERIMENTS],
    "experiments/": list(EXPERIMENTS),
}
EXPERIMENT_PROTOCOLS = sorted({entry.protocol for entry in EXPERIMENTS.values()})
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
CLASSIFY_FIGURES = [
    "classes",
    "ablations",
    "reliability",
    "curves",
    *(f"models_{protocol}" for protocol in EXPERIMENT_PROTOCOLS),
]


wildcard_constraints:
    recipe="|".join(RECIPES),
    experiment="|".join(CONFIG.classify.experiments),
    other="|".join(CONFIG.classify.experiments),
    training=r"\d+",
    page="|".join(PAGES),


def recipe_of(wildcards):
    """The recipe in question, by a wildcard of its own or by its experiment."""
    return wildcards.get("recipe") or EXPERIMENTS[wildcards.experiment].recipe


def generator_file(protocol, recipe, generator, file):
    """A file of a generator of a recipe."""
    return f"{RUN}/{protocol}/synthesis/{RECIPES[recipe].normalizer}/{generator}/{file}"


def sets_of(recipe):
    """Names of the image sets of a recipe: the normalised real images, and what each generator drew."""
    return ["real", *RECIPES[recipe].generators]


def balanced_set(wildcards):
    """The balanced set that an experiment is about."""
    return f"{RUN}/{wildcards.protocol}/balanced/{recipe_of(wildcards)}/images.parquet"


def set_files(wildcards):
    """Their files, in that order."""
    recipe = recipe_of(wildcards)
    real = f"{RUN}/{wildcards.protocol}/stain/{RECIPES[recipe].normalizer}"
    folders = [
        real,
        *(
            generator_file(wildcards.protocol, recipe, name, "")[:-1]
            for name in RECIPES[recipe].generators
        ),
    ]
    return {
        "images": [f"{folder}/images.zip" for folder in folders],
        "indexes": [f"{folder}/images.parquet" for folder in folders],
    }


def size_of(recipe):
    """Side of the images of a recipe, in pixels."""
    return (
        CONFIG.images if RECIPES[recipe].size == "images" else CONFIG.synthesis
    ).size


def teachers_of(recipe):
    """Generator of a recipe -> the generator that it learned from, where there is one."""
    entries = {
        name: CONFIG.synthesis.generators[name] for name in RECIPES[recipe].generators
    }
    return {name: entry.teacher for name, entry in entries.items() if entry.teacher}


def lists_of(recipe):
    """Kind and name of everyone in a recipe who was given real images, and where the list of them is."""
    entry = RECIPES[recipe]
    stain, synthesis = f"stain/{entry.normalizer}", f"synthesis/{entry.normalizer}"
    found = [("normalizer", entry.normalizer, f"{stain}/seen.parquet")]
    for name in entry.generators:
        found.append(("generator", name, f"{synthesis}/{name}/seen.parquet"))
        if entry.gate != "none":
            found.append(("gate", name, f"{synthesis}/{name}/gate_seen.parquet"))
    for name in dict.fromkeys(teachers_of(recipe).values()):
        found.append(("teacher", name, f"{synthesis}/{name}/seen.parquet"))
    if entry.generators and entry.gate != "none":
        judge = f"synthesis_judge/{entry.normalizer}/seen.parquet"
        found.append(("judge", entry.normalizer, judge))
    return found


def seen_files(wildcards):
    """The files of `lists_of`."""
    lists = lists_of(wildcards.recipe)
    return [f"{RUN}/{wildcards.protocol}/{file}" for _, _, file in lists]


def gate_files(wildcards):
    """The gate's word on what each generator of a recipe drew."""
    return [
        generator_file(wildcards.protocol, wildcards.recipe, name, "gate.parquet")
        for name in RECIPES[wildcards.recipe].generators
    ]


def recipe_settings(wildcards):
    """What the rule `balance` is told."""
    entry, draws = RECIPES[wildcards.recipe], CONFIG.synthesis.draws
    shares = CONFIG.split.model_dump(include={"test_share", "validation_share"})
    return settings(
        sets=sets_of(wildcards.recipe),
        lists=[whose for *whose, _ in lists_of(wildcards.recipe)],
        recipe={
            "name": wildcards.recipe,
            "protocol": wildcards.protocol,
            "rich": entry.rich,
            "rare": entry.rare,
            "gated": entry.gate != "none",
            "teachers": teachers_of(wildcards.recipe),
            "roles": CONFIG.synthesis.roles.model_dump(),
        },
        balance={
            "target_per_class": draws.target_per_class,
            "above": CONFIG.balance.above,
            **shares,
        },
        audit={
            "size": size_of(wildcards.recipe),
            "audit_images": CONFIG.balance.audit_images,
            "folds": CONFIG.balance.folds,
            **CONFIG.duplicates.model_dump(),
        },
    )


def trainings_of(experiment, file):
    """A file of every training of an experiment."""
    entry = EXPERIMENTS[experiment]
    folder = f"{RUN}/{entry.protocol}/classifiers/{experiment}"
    return [f"{folder}/seed-{seed}/{file}" for seed in entry.seeds]


def on_page(file):
    """Input function: a file of every training on a page."""
    return lambda wildcards: [
        path for name in PAGES[wildcards.page] for path in trainings_of(name, file)
    ]


def models_on(page):
    """The model file of every training on a page."""
    return [path for name in PAGES[page] for path in trainings_of(name, "model.json")]


def pairs_on(page):
    """The comparisons on a page: those of config, and each ablation with what it is taken from."""
    shown, rows = PAGES[page], list(CONFIG.classify.ablations.values())
    pairs = [*PAIRS, *((rows[0], name) for name in rows[1:])]
    return [
        (a, b) for a, b in dict.fromkeys(pairs) if a != b and a in shown and b in shown
    ]


def comparison_files(wildcards):
    """Their files."""
    return [
        f"{RUN}/{EXPERIMENTS[a].protocol}/comparisons/{a}_and_{b}.json"
        for a, b in pairs_on(wildcards.page)
    ]


def experiment_facts(experiment):
    """What tables and figures say of an experiment before it is measured."""
    entry = CONFIG.classify.experiments[experiment]
    recipe, model = RECIPES[entry.recipe], CONFIG.classify.models[entry.model]
    network = getattr(model, "architecture", model.method)
    if model.method == "senet154" and model.gather_excite:
        network = "senet154_ge"
    return {
        "name": experiment,
        "model": entry.model,
        "recipe": entry.recipe,
        "protocol": entry.protocol,
        "network": network,
        "normalizer": method_of(recipe.normalizer),
        **{
            role: maker and CONFIG.synthesis.generators[maker].method
            for role, maker in (("rich", recipe.rich), ("rare", recipe.rare))
        },
    }


def page_settings(wildcards):
    """What the rules that show a page are told."""
    pairs = pairs_on(wildcards.page)
    return settings(
        experiments=[
            {**experiment_facts(name), "seed": seed}
            for name in PAGES[wildcards.page]
            for seed in EXPERIMENTS[name].seeds
        ],
        protocols=[EXPERIMENTS[a].protocol for a, _ in pairs],
        ablations=[
            {"row": row, **experiment_facts(name)}
            for row, name in CONFIG.classify.ablations.items()
        ],
        question=pairs[0] if pairs else None,
    )


def audits_on(page):
    """The audit of each balanced set that a page stands on."""
    sets = [
        (EXPERIMENTS[name].protocol, EXPERIMENTS[name].recipe) for name in PAGES[page]
    ]
    return [
        f"{RUN}/{protocol}/balanced/{recipe}/audit.json"
        for protocol, recipe in dict.fromkeys(sets)
    ]


def real_set(experiment, suffix):
    """The normalised real images of an experiment, zip or index."""
    entry = EXPERIMENTS[experiment]
    folder = f"{RUN}/{entry.protocol}/stain/{RECIPES[entry.recipe].normalizer}"
    return f"{folder}/images.{suffix}"


def heading_of(experiment):
    """An experiment in headings, with its protocol and the seed that is shown."""
    entry = EXPERIMENTS[experiment]
    return f"{experiment}, {entry.protocol}, seed {entry.seeds[0]}"


def tables_on(page):
    """Tables of a page about balanced sets and classifiers."""
    names = [f"balance_{kind}" for kind in BALANCE_TABLES]
    names += [f"classify_{kind}" for kind in CLASSIFY_TABLES]
    return [f"{RUN}/{page}tables/{name}.csv" for name in names]


def figures_on(page):
    """Figures of a page about balanced sets and classifiers."""
    names = [f"balance_images_{protocol}" for protocol in EXPERIMENT_PROTOCOLS]
    names += [f"classify_{kind}" for kind in CLASSIFY_FIGURES]
    each = [
        f"{RUN}/figures/classify_{kind}_{name}.svg"
        for name in PAGES[page]
        for kind in ("confusion", "examples", "mistakes")
    ]
    each += [f"{RUN}/figures/classify_classes_{name}.svg" for name in parts_on(page)]
    return [f"{RUN}/{page}figures/{name}.svg" for name in names] + each


def parts_on(page):
    """Ablations on a page, by experiment the row; none where the whole is not on it."""
    (_, whole), *rows = CONFIG.classify.ablations.items()
    if whole not in PAGES[page]:
        return {}
    return {name: row for row, name in rows if name in PAGES[page]}


def with_and_without(file):
    """Input function: a file of the first training of an ablation, and of the whole."""
    whole = next(iter(CONFIG.classify.ablations.values()))
    return lambda wildcards: [
        trainings_of(name, file)[0] for name in (wildcards.experiment, whole)
    ]


def part_settings(wildcards):
    """What the rule that draws an ablation is told."""
    whole = next(iter(CONFIG.classify.ablations.values()))
    pair = (wildcards.experiment, whole)
    return settings(
        row=next(
            row
            for row, name in CONFIG.classify.ablations.items()
            if name == wildcards.experiment
        ),
        experiments=[
            {**experiment_facts(name), "seed": EXPERIMENTS[name].seeds[0]}
            for name in pair
        ],
    )


def frozen_features(wildcards):
    """The frozen network that a model stands on, by the name of the rule's input; none for most."""
    method = CONFIG.classify.models[EXPERIMENTS[wildcards.experiment].model].method
    return {"features": IMAGENET} if method == "logistic" else {}


def model_settings(wildcards):
    """What the rules that train and run a model are told."""
    experiment = EXPERIMENTS[wildcards.experiment]
    entry = CONFIG.classify.entry(experiment.model)
    own = entry["own"] | dict.fromkeys(frozen_features(wildcards), IMAGENET)
    return {
        "precision": CONFIG.precision,
        "training": int(wildcards.training),
        "sets": sets_of(experiment.recipe),
        "entry": {**entry, "own": own, "size": size_of(experiment.recipe)},
    }


def stain_weights(wildcards):
    """The weights of the normaliser of an experiment's images."""
    normalizer = RECIPES[recipe_of(wildcards)].normalizer
    return f"{RUN}/{wildcards.protocol}/stain/{normalizer}/weights.safetensors"


def bundle_settings(wildcards):
    """What the rule `classify_model` is told."""
    recipe = recipe_of(wildcards)
    normalizer = RECIPES[recipe].normalizer
    entry = CONFIG.stain.normalizers[normalizer]
    sources = CONFIG.sources.items()
    return settings(
        "limits",
        **model_settings(wildcards),
        origin={
            "experiment": wildcards.experiment,
            "recipe": recipe,
            "protocol": wildcards.protocol,
            "seed": int(wildcards.training),
        },
        frame={
            "size": CONFIG.images.size,
            "fit": CONFIG.images.fit,
            "fields": {name: source.field for name, source in sources},
            "max_pixels": CONFIG.pixels.max_pixels,
            "min_side": CONFIG.pixels.min_side,
        },
        stain={
            "name": normalizer,
            "method": entry.method,
            "settings": CONFIG.stain.settings_of(entry.method),
            "direction": entry.direction,
            "classes": CONFIG.stain.classes,
        },
        rendered=any(source.origin == "phantom" for _, source in sources),
        quantile=CONFIG.classify.evaluation.unlike_quantile,
    )


def model_module(wildcards):
    """Module of the method of an experiment's model."""
    model = CONFIG.classify.models[EXPERIMENTS[wildcards.experiment].model]
    return CLASSIFY_MODULES[model.method]
