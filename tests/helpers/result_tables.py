"""A small invented run of `snakemake experiments`: all tables that the page of results shows, with values in order."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.files import write_json
from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, NOT_REPORTED, write_csv
from hemabalance.report.classify.classifier_results import as_share
from hemabalance.report.classify.comparison_results import METRICS
from hemabalance.report.reported import reported_tables
from hemabalance.report.results.page import claims
from hemabalance.report.results.run_tables import shown_tables

Row = Mapping[str, Any]
REPORTED = reported_tables()
FEWSHOT = REPORTED["table22_fewshot_cost"]
NETWORKS = REPORTED["figure52_accuracy_balanced"]
BENCHMARK = (
    "s\tmax_rss\tcpu_time\tthreads\trule_name\tparams\tresources\tinput_size_mb\n"
    "1800.0\t10.0\t3000.0\t2\t{rule}\t{{'settings': '{settings}'}}\t{{'gpu': 0, 'device': 'cpu'}}\t{{}}\n"
)


def columns_used(kind: str) -> set[str]:
    """The columns of a table, such as `synthesis_fid`, that the page or a claim names."""
    shown = [entry for group in shown_tables() for entry in group["tables"] if f"/{kind}" in entry["file"]]
    used = {name for entry in shown for key in ("columns", "only") for name in entry.get(key, ())}
    for entry in (entry for section in claims() for entry in section["claims"] if entry["table"] == kind):
        # A claim on classes finds its experiments by their accuracies, in another table.
        keys = ("name", "steps", "n") if entry["rule"] == "class_rise" else ("name", "reported", "steps", "n")
        used |= {entry[key] for key in keys if key in entry}
        used |= {name for key in ("measured", "where", "each") for name in entry.get(key, ())}
        used |= set(entry.get("spread", {}).values())
    return used


def interval(column: str, value: float, half: float = 0.01) -> dict[str, str]:
    return {column: f"{value:.3f}", f"{column}_low": f"{value - half:.3f}", f"{column}_high": f"{value + half:.3f}"}


def missing(columns: Iterable[str], reason: str) -> dict[str, str]:
    ends = ("", "_low", "_high")
    return {f"{column}{end}": NOT_AVAILABLE for column in columns for end in ends} | {"reason": reason}


def stain_tables() -> dict[str, list[Row]]:
    names = list(REPORTED["table14_stain_fid"])
    cost = [
        {"normaliser": name, "reported_training_time": REPORTED["table13_stain_training_time"][name],
         "measured_training_time": f"{10 + 5 * k}.0s", "steps": 60, "trained_images": "A 9, B 9", "parameters": 1000,
         "device": "cpu"}
        for k, name in enumerate(reversed(names))
    ]  # fmt: skip
    fid, ssim = [], []
    for domain in "AB":
        for k, name in enumerate(reversed(names)):
            key = {"normaliser": name, "domain": f"{domain} (source)"}
            for compared in ("generated", "reconstructed"):
                value = REPORTED["table14_stain_fid"][name][f"{domain}_real_vs_{compared[:3]}"]
                fid.append(
                    key | {"compared": f"real and {compared}", "reported_fid": value, "measured_fid": 20.0 + 10 * k,
                           "measured_kid_x1000": 5.0 + 10 * k, "kid_spread_x1000": 1.0, "n_real": 24, "n_made": 24,
                           "reason": NO_REASON}
                )  # fmt: skip
            ssim.append(
                key | {"reported_ssim": REPORTED["table15_stain_ssim"][name][domain], "n": 24, "reason": NO_REASON}
                | interval("measured_ssim", 0.95 - 0.05 * k)
            )  # fmt: skip
    score = [
        {"normaliser": name, "reported_score": REPORTED["table16_stain_is"][name], "measured_score": NOT_AVAILABLE,
         "spread": NOT_AVAILABLE, "n": 0, "reason": "the logits cannot be fetched with a checksum"}
        for name in names
    ]  # fmt: skip
    usefulness = [
        {"normaliser": names[0], "classifier_trained_with": "plain images", "images": "held back", "n": 50}
        | interval("accuracy", 0.5) | {"reason": NO_REASON}
        | interval("gain_over_raw", 0.1) | interval("gain_over_random_colours", -0.1)
    ]  # fmt: skip
    structure = [{"normaliser": names[0], "images_of": "A (source)", "n": 24} | interval("measured_ssim", 0.9)]
    audit = [
        {"normaliser": names[0], "direction": "to_a", "target": "source", "features": "colour", "chance": 0.5, "n": 48}
        | interval("balanced_accuracy", 0.9)
    ]  # fmt: skip
    return {
        "cost": cost, "fid": fid, "ssim": ssim, "is": score, "usefulness": usefulness, "structure": structure,
        "audit": audit,
    }  # fmt: skip


def synthesis_tables() -> dict[str, list[Row]]:
    """The thesis's best method first, so that values that grow by row make it the lowest."""
    tables: dict[str, list[Row]] = {
        name: [] for name in ("cost", "precision", "fid", "pixels", "gate", "memory", "trust")
    }
    for role, table in (("rich", "table19_gan_fid_is_lpips"), ("rare", "table21_fewshot_fid_is_lpips")):
        names = sorted(REPORTED[table], key=lambda name: float(REPORTED[table][name]["fid"]))
        for k, name in enumerate(names):
            key = {"generator": f"{name}_{role}", "classes": role}
            _add_generator(tables, key, name, k, REPORTED[table][name])
        floor = {
            "generator": ", ".join(f"{name}_{role}" for name in names),
            "classes": role,
            "images": "floor: real images",
        }
        tables["fid"].append(
            floor
            | _fid_cells(8.0, 0.05)
            | dict.fromkeys(("reported_fid", "reported_lpips", "reported_inception_score"), NOT_REPORTED)
        )
    return tables


def _fid_cells(fid: float, lpips: float) -> dict[str, Any]:
    return (
        interval("measured_fid", fid, 1.0) | interval("measured_kid_x1000", fid / 2, 1.0)
        | interval("lpips_to_nearest_real_training_image", lpips) | interval("lpips_between_images_of_a_class", 0.2)
        | {"n_generated": 64, "n_nearest": 64, "measured_inception_score": NOT_AVAILABLE, "reason": "no logits"}
    )  # fmt: skip


def _add_generator(tables: dict[str, list[Row]], key: Row, name: str, k: int, reported: Row) -> None:
    generated, rich = key | {"images": "generated"}, key["classes"] == "rich"
    tables["fid"].append(
        generated | _fid_cells(20.0 + 10 * k, 0.1 + 0.05 * k)
        | {"reported_fid": reported["fid"], "reported_lpips": reported["lpips"],
           "reported_inception_score": "{} ± {}".format(*reported["is"])}
    )  # fmt: skip
    scores = REPORTED["table18_gan_precision_recall_f1"][name] if rich else [NOT_REPORTED] * 3
    tables["precision"].append(
        generated | dict(zip((f"reported_{n}_percent" for n in ("precision", "recall", "f1")), scores, strict=True))
        | interval("generative_precision", 0.9 - 0.1 * k) | interval("generative_recall", 0.9 - 0.1 * k)
        | interval("generative_f1", 0.5) | interval("classifier_agrees", 0.5)
        | {"n_generated": 64, "n_classified": 64, "reason": NO_REASON}
    )  # fmt: skip
    pixels = REPORTED["table20_gan_psnr_ssim_l1_l2"][name] if rich else dict.fromkeys(("psnr", "ssim", "l1", "l2"))
    cells: dict[str, Any] = {}
    for measure, column, sign in (("psnr", "psnr_db", -1), ("ssim", "ssim", -1), ("l1", "l1", 1), ("l2", "l2", 1)):
        cells |= {f"reported_{column}": NOT_REPORTED if pixels[measure] is None else pixels[measure]}
        cells |= interval(f"{column}_to_nearest_real_training_image_by_lpips", 5 + 0.1 * sign * k)
    tables["pixels"].append(generated | cells | {"n": 64, "reason": NO_REASON})
    time = REPORTED["table17_gan_training_time"][name] if rich else FEWSHOT[name]["time"]
    tables["cost"].append(
        key
        | {"reported_training_time": time, "measured_training_time": f"{10 + 5 * k}.0s", "reason": NO_REASON,
           "measured_steps_or_episodes": 100,
           "reported_episodes": NOT_REPORTED if rich else FEWSHOT[name]["episodes"],
           "reported_parameters_million": NOT_REPORTED if rich else FEWSHOT[name]["parameters"] / 1e6,
           "measured_parameters_million": f"{1 + k}.000", "real_images": 600}
    )  # fmt: skip
    counts = {"wanted": 60, "drawn": 128, "accepted": 40, "short_of_target": 20, "class": "all", "note": NO_REASON}
    shares = [interval(f"{n}_share", 0.3) for n in ("accepted", "failed_class", "failed_manifold", "failed_copy")]
    tables["gate"].append(key | counts | {k: v for share in shares for k, v in share.items()})
    tables["memory"].append(
        generated
        | {"class": "all", "n": 128, "copies": 2, "median_lpips": 0.2, "reason": NO_REASON}
        | interval("share", 0.02)
    )
    tables["trust"].append(
        key
        | {"class": "monocyte", "advice": "generate", "real_training_images": 600, "reason": NO_REASON}
        | interval("accepted_share", 0.3)
        | interval("copies_among_draws", 0.02)
        | interval("copies_among_held_back", 0.02)
    )


def classify_tables() -> dict[str, list[Row]]:
    """All networks of Fig. 52 in order, SENet-154 best; `plain` is the thesis's original set."""
    models = [_model("plain", "plain", 92.41, 0.85)]
    for k, (name, percent) in enumerate(sorted(NETWORKS.items(), key=lambda item: -item[1])):
        experiment = "balanced" if name == "senet154_ge" else f"{name}_balanced"
        models.append(_model(experiment, "balanced", percent, 0.95 - 0.04 * k))
    models += [_model("balanced", "balanced", 98.4, 0.94, seed=seed) for seed in (2, 3)]
    models += [_model("original", "original", None, 0.9, seed=seed) for seed in (1, 2, 3)]
    models.append(_model("balanced_thesis", "balanced", 98.4, 0.99, protocol="thesis"))
    tables: dict[str, list[Row]] = {"models": models}
    tables["comparisons"] = [
        {"a": "balanced", "b": "original", "protocol": "leak_free", "seed": seed, "n": 449, "mcnemar_p": 0.01}
        | interval("accuracy_a_less_b", 0.05) | interval("balanced_accuracy_a_less_b", 0.05)
        | interval("macro_f1_a_less_b", 0.05)
        for seed in (1, 2, 3)
    ]  # fmt: skip
    tables["seeds"] = [
        {"experiment": name, "protocol": "leak_free", "n": 449, "seeds": "1, 2, 3", "n_seeds": 3, "reason": NO_REASON}
        | {f"{kind}_{metric}": 0.012 for kind in ("mean", "sd") for metric in METRICS}
        for name in ("balanced", "original")
    ]  # fmt: skip
    accuracies = list(REPORTED["ablation_accuracy"].values())
    tables["ablations"] = [
        {"row": f"row {k}", "experiment": "balanced" if not k else f"part_{k}", "n": 449, "mcnemar_p": 0.01,
         "reported_accuracy": as_share(percent), "reason": NO_REASON}
        | interval("measured_accuracy", 0.9) | interval("balanced_accuracy", 0.8)
        | (dict.fromkeys(_ends("accuracy_less_that_of_the_whole"), NO_REASON) if not k
           else interval("accuracy_less_that_of_the_whole", -0.05))
        | (dict.fromkeys(_ends("balanced_accuracy_less_that_of_the_whole"), NO_REASON) if not k
           else interval("balanced_accuracy_less_that_of_the_whole", -0.05))
        for k, percent in enumerate(accuracies)
    ]  # fmt: skip
    before, after = REPORTED["figure53_original_by_class"], REPORTED["figure54_balanced_by_class"]
    tables["classes"] = [
        {"class": label, "experiment": name, "protocol": "leak_free", "seed": 1, "n": 5, "reason": NO_REASON,
         "reported_sensitivity": as_share(scores.get(label, {}).get("sensitivity"))}
        | interval("sensitivity", value)
        for label in sorted({*before, *after})
        for name, scores, value in (("plain", before, 0.5), ("balanced", after, 0.8))
    ]  # fmt: skip
    tables["sources"] = [
        {"source": "mendeley", "experiment": "balanced", "protocol": "leak_free", "seed": 1, "n": 449}
        | interval("accuracy", 0.9) | interval("balanced_accuracy", 0.9) | interval("macro_f1", 0.9)
    ]  # fmt: skip
    tables["yardstick"] = [{"by": "experts", "n": 5} | interval("share_that_agrees", 0.9)]
    times = REPORTED["table24_classifier_training_time"]
    tables["cost"] = [
        {"experiment": name, "protocol": "leak_free", "seed": 1, "model": name, "recipe": "balanced",
         "reported_training_time": times[name],
         "measured_training_time": f"{10 + 5 * k}.0s", "steps": 100, "parameters_million": "1.0", "training_images": 9,
         "device": "cpu"}
        for k, name in enumerate(reversed(times))
    ]  # fmt: skip
    return tables


def _ends(column: str) -> Sequence[str]:
    return column, f"{column}_low", f"{column}_high"


def _model(
    name: str, recipe: str, reported: float | None, accuracy: float, *, seed: int = 1, protocol: str = "leak_free"
) -> Row:
    cells = {"experiment": name, "protocol": protocol, "seed": seed, "model": "network", "recipe": recipe, "n": 449}
    scores = [interval(column, 0.8) for column in ("balanced_accuracy", "macro_f1", "macro_auroc", "calibration_error")]
    return (
        cells
        | interval("measured_accuracy", accuracy)
        | {"reported_accuracy": as_share(reported), "reason": NO_REASON}
        | {column: value for score in scores for column, value in score.items()}
    )


def write_run(folder: Path) -> Path:
    """Write the run, and return its folder."""
    run, page = folder / "results" / "invented", folder / "results" / "invented" / "experiments"
    sources, counts = ("mendeley", "tcia"), [{"label": "total", "reported": "33178", "measured": "1500"}]
    dataset: dict[str, list[Row]] = {"statuses": [{"source": name, "rows": 9, "kept": 8} for name in sources]}
    dataset |= {f"{kind}_{name}": [{"folder": "a", "reported": 12000, "measured": 7}]
                for kind in ("collected", "removed") for name in sources}  # fmt: skip
    dataset |= {"final_counts": counts, "split_leak_free": [{"label": "a", "train": 5}], "scale": [{"source": "tcia"}]}
    balance: dict[str, list[Row]] = {
        "counts": [{"recipe": "balanced", "protocol": "leak_free", "class": "all", "train_real": 900,
                    "train_synthetic": 90, "validation_real": 90, "test_real": 449, "short_of_target": 3}],
        "leaks": [{"recipe": "balanced", "test_images": 0}],
    }  # fmt: skip
    for name, rows in dataset.items():
        write_csv(pd.DataFrame(rows), run / "tables" / f"{name}.csv")
    for stage, tables, ending in (
        ("stain", stain_tables(), "_leak_free"), ("synthesis", synthesis_tables(), "_leak_free"),
        ("classify", classify_tables(), ""), ("balance", balance, ""),
    ):  # fmt: skip
        for name, rows in tables.items():
            write_csv(pd.DataFrame(rows), page / "tables" / f"{stage}_{name}{ending}.csv")
    headline = {
        "question": "Do they help?",
        "answer": "In part.",
        "a": "balanced",
        "b": "original",
        "lines": ["One line."],
    }
    write_json(headline, page / "tables" / "headline.json")
    (page / "report.html").write_text("<html>")
    for rule, settings in (
        ("images", '{"images":{"size":64}}'),
        ("synthesis_fit", '{"name":"figr","generator":{"size":32,"spec":{"settings":{"episodes":1200}}}}'),
    ):
        path = run / "benchmarks" / rule / "a.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(BENCHMARK.format(rule=rule, settings=settings))
    return run
