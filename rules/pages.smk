# The files of each page about balanced sets and classifiers. Functions only, for classify_report.smk and report.smk.
from hemabalance.config.plan_settings import page_settings

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
    "protocol_gain",
]
CLASSIFY_FIGURES = ["classes", "ablations", "reliability", "curves", "protocol_gain"]
CLASSIFY_FIGURES += [f"models_{protocol}" for protocol in PLAN.protocols]


def trainings_on(page, file):
    """Paths of one file of every training on a page."""
    return [path for name in PLAN.pages[page] for path in trainings_of(name, file)]


def predictions_on(page, role):
    """Paths of the predictions of `recommended`, or of the `thesis`'s method, if they are on a page."""
    name = PLAN.recommendation.get(role)
    if name is None or not PLAN.is_on(page, name):
        return []
    return trainings_of(name, "predictions.parquet")


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
