"""The real workflow, from archives to the report."""

import functools
import hashlib
import json
import re
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.browser import browser, figures_of, render_page

MORE = ("profiles/overlays/demo.yaml", "tiny.yaml", "more.yaml")
RULES = {
    "phantom", "inventory", "manifest", "images", "scale", "split", "dataset_report", "report", "all", "pairs",
    "pretrained_weights", "stain_fit", "stain_images", "source_classifier", "stain_real", "stain_metrics",
    "stain_report_leak_free", "synthesis_judge", "synthesis_fit", "synthesis_images", "synthesis_metrics",
    "synthesis_real", "synthesis_report_leak_free", "balance", "classify_fit", "classify_evaluate",
    "classify_protocol_gain", "classify_report",
}  # fmt: skip


# Rules downstream of the split, and rules downstream of a normaliser.
STAINED = {"stain_report_leak_free", "report", "all"}
SYNTHESISED = {rule for rule in RULES if rule.startswith("synthesis")}
CLASSIFIED = {rule for rule in RULES if rule.startswith(("balance", "classify"))}
AFTER_SPLIT = (
    STAINED
    | SYNTHESISED
    | CLASSIFIED
    | {"split", "dataset_report", "source_classifier", "stain_fit", "stain_images", "stain_real", "stain_metrics"}
)
# Files with run times.
TIMED = (
    "training.json", "stain_cost_leak_free.csv", "synthesis_cost_leak_free.csv", "classify_cost.csv", "README.md",
    "report.html",
)  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    results = folder / "results" / "tiny"
    return {
        str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.relative_to(results).parts[0] not in ("logs", "benchmarks")
        and path.name not in TIMED
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.fixture
def edited(finished, tmp_path):
    """A copy of the finished project that a test may change."""
    return finished.copy(tmp_path / "copy")


def test_a_fresh_project_would_run_every_rule(project):
    shutil.rmtree(project.folder / "data" / "weights", ignore_errors=True)  # may be left from another test
    assert project.would_run() == RULES


def test_the_recommended_experiment_is_trained_alone(project):
    jobs = project.jobs("recommended")
    trained = {wildcards for rule, wildcards in jobs if rule in ("classify_fit", "classify_evaluate")}
    assert trained == {"protocol=leak_free, experiment=plain, training=1"}
    assert not {rule for rule, _ in jobs} & (SYNTHESISED | {"classify_report", "report"})
    (project.folder / "more.yaml").write_text(
        "classify: {averages: {both: [plain, original]}, recommended: both, experiments: {plain: {shown: true}}}\n"
    )
    assert ("classify_average", "protocol=leak_free, experiment=both, training=1") in project.jobs(overlays=MORE)
    assert len([rule for rule, _ in project.jobs("recommended", overlays=MORE) if rule == "classify_fit"]) == 2
    (project.folder / "more.yaml").write_text("classify: {recommended: null}\n")
    refused = project.snakemake("--dry-run", "recommended", overlays=MORE)
    assert refused.returncode != 0
    assert "classify.recommended names no experiment in this config" in refused.stdout


def test_all_results_exist_and_no_partial_file(finished):
    results = finished.folder / "results" / "tiny"
    for name in (
        "manifest/mendeley.parquet", "manifest/tcia.parquet", "images/mendeley.zip", "images/tcia.parquet",
        "leak_free/split.parquet", "thesis/split.parquet", "tables/final_counts.csv",
        "figures/contact_sheet_tcia.svg", "figures/copies_sheet.svg", "report.html",
        "scale/outlines_tcia.webp",
    ):  # fmt: skip
        assert (results / name).stat().st_size > 0
    assert not list(finished.folder.rglob("*.part"))
    assert not [path for path in (results / ".state").rglob("*") if path.is_file()]


def test_every_member_is_accounted_for(finished):
    results = finished.folder / "results" / "tiny"
    for source in ("mendeley", "tcia"):
        manifest = pd.read_parquet(results / "manifest" / f"{source}.parquet")
        receipt = json.loads((results / "inventory" / f"{source}.json").read_text())
        statuses = pd.read_csv(results / "tables" / "statuses.csv").set_index("source").loc[source]
        assert len(manifest) == receipt["members"] == statuses["rows"] == statuses.drop("rows").sum()
        kept = pd.read_parquet(results / "images" / f"{source}.parquet")
        assert set(kept["image_id"]) == set(manifest.loc[manifest["status"] == "kept", "image_id"])


def test_a_second_run_has_nothing_to_do(finished):
    done = finished.snakemake()
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout


def test_two_runs_give_the_same_bytes(finished, project, forked_python):
    done = project.snakemake("--cores", "1", python=forked_python)
    assert done.returncode == 0, done.stdout
    assert digests(project.folder) == digests(finished.folder)


def test_a_comment_reruns_nothing(edited):
    module = edited.folder / "workflow_scripts" / "hemabalance" / "dataset" / "splits.py"
    edit(module, "    validation_end = ", "    # a remark\n    validation_end = ")
    edit(edited.folder / "workflow_scripts" / "dataset" / "split.py", '"""Split', '"""Really split')
    assert edited.would_run() == set()


def test_an_edit_of_a_module_reruns_the_rules_that_import_it_and_what_follows(edited):
    edit(
        edited.folder / "workflow_scripts" / "hemabalance" / "report" / "items.py",
        "trim_blocks=True",
        "trim_blocks=False",
    )
    assert edited.would_run() == {"report", "all"}


def test_an_edit_of_the_words_of_the_page_writes_the_page_again_and_nothing_else(edited):
    words = edited.folder / "workflow_scripts" / "hemabalance" / "report" / "titles.yaml"
    edit(words, "Contents of the archives", "Content of the archives")
    assert edited.would_run() == {"report", "all"}


def test_a_changed_setting_reruns_its_stage_and_what_follows(edited):
    (edited.folder / "more.yaml").write_text("split: {test_share: 0.4}\n")
    assert edited.would_run(overlays=MORE) == AFTER_SPLIT


def test_the_device_of_networks_reruns_nothing(edited):
    (edited.folder / "more.yaml").write_text("device: cuda\ndevices: 2\nthreads: 3\n")
    assert edited.would_run(overlays=MORE) == set()


def test_a_setting_of_one_method_reruns_that_method_and_what_shows_it(edited):
    (edited.folder / "more.yaml").write_text("stain: {normalizers: {reinhard: {least_contrast: 1.5}}}\n")
    assert edited.would_run(overlays=MORE) == STAINED | {"stain_fit", "stain_images", "stain_metrics"}
    assert set(re.findall(r"normalizer=(\w+)", edited.plan(overlays=MORE))) == {"reinhard"}


def test_a_generator_that_changes_reruns_its_pupil_too(edited):
    (edited.folder / "more.yaml").write_text("synthesis: {generators: {c_wgan_gp: {steps: 4}}}\n")
    plan = edited.plan(overlays=MORE)
    rules = SYNTHESISED - {"synthesis_judge", "synthesis_real"}
    assert edited.would_run(overlays=MORE) == rules | CLASSIFIED | {"report", "all"}
    assert set(re.findall(r"generator=(\w+)", plan)) == {"c_wgan_gp", "fewshot_meta"}


def test_a_setting_of_the_pupil_leaves_its_teacher_alone(edited):
    (edited.folder / "more.yaml").write_text("synthesis: {generators: {fewshot_meta: {adapt_steps: 3}}}\n")
    assert set(re.findall(r"generator=(\w+)", edited.plan(overlays=MORE))) == {"fewshot_meta"}


def test_the_gate_compares_with_training_images_and_every_draw_says_where_it_came_from(finished):
    results = finished.folder / "results" / "tiny" / "leak_free"
    split = pd.read_parquet(results / "split.parquet").set_index("image_id")
    for generator in ("c_wgan_gp", "fewshot_meta"):
        folder = results / "synthesis" / "none" / generator
        gate, images = pd.read_parquet(folder / "gate.parquet"), pd.read_parquet(folder / "images.parquet")
        near = split.loc[gate["nearest_id"]]
        assert set(near["part"]) == {"train"}
        assert near["label"].tolist() == gate["label"].tolist()
        assert images["image_id"].tolist() == gate["image_id"].tolist()
        provenance = images["provenance"].map(json.loads)
        digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
        assert {row["weights"] for row in provenance} == {digest}
        assert [row["class"] for row in provenance] == images["label"].tolist()


def test_training_sees_no_held_back_image_and_all_kept_images_are_normalised(finished):
    results = finished.folder / "results" / "tiny"
    split = pd.read_parquet(results / "leak_free" / "split.parquet")
    shared = set.intersection(*(set(rows["label"]) for _, rows in split[split["part"] == "train"].groupby("source")))
    train = split[(split["part"] == "train") & split["label"].isin(shared)]
    for name in ("none", "reinhard", "wcyclegan_gp", "wcyclegan_thesis"):
        folder = results / "leak_free" / "stain" / name
        counts = json.loads((folder / "tcia" / "training.json").read_text())["images"]
        assert counts == {"a": (train["source"] == "mendeley").sum(), "b": (train["source"] == "tcia").sum()}
        images = pd.read_parquet(folder / "images.parquet")
        assert sorted(images["image_id"]) == sorted(split["image_id"])
        metrics = json.loads((folder / "tcia" / "metrics.json").read_text())
        assert metrics["held_back"]


def test_a_setting_of_classifiers_reruns_them_and_no_generator(edited):
    (edited.folder / "more.yaml").write_text("classify: {training: {lr: 0.01}}\n")
    assert edited.would_run(overlays=MORE) == CLASSIFIED - {"balance"} | {"report", "all"}


def test_the_out_of_distribution_quantile_retrains_nothing(edited):
    (edited.folder / "more.yaml").write_text("classify: {evaluation: {out_of_distribution_quantile: 0.9}}\n")
    expected = CLASSIFIED - {"balance", "classify_fit", "classify_protocol_gain"} | {"report", "all"}
    assert edited.would_run(overlays=MORE) == expected


def test_a_balanced_set_keeps_test_images_real_and_classifiers_are_tested_on_all_of_them(finished):
    results = finished.folder / "results" / "tiny" / "leak_free"
    split = pd.read_parquet(results / "split.parquet")
    test = sorted(split.loc[split["part"] == "test", "image_id"])
    for recipe in ("original", "balanced"):
        rows = pd.read_parquet(results / "balanced" / recipe / "images.parquet")
        assert set(rows.loc[rows["part"] != "train", "origin"]) == {"real"}
        assert sorted(rows.loc[rows["part"] == "test", "image_id"]) == test
        assert (rows["origin"] == "synthetic").any() == (recipe == "balanced")
        audit = json.loads((results / "balanced" / recipe / "audit.json").read_text())
        assert audit["leaks"]["n"] == 0
        folder = results / "classifiers" / recipe / "seed-1"
        assert pd.read_parquet(folder / "predictions.parquet")["image_id"].tolist() == test
        assert json.loads((folder / "metrics.json").read_text())["n"] == len(test)


def compare_with_evaluation(project, folder, out, *options):
    """Predict the archive of tcia by a model in a folder: as in the evaluation of the experiment `original`."""
    results = project.folder / "results" / "tiny"
    done = project.hemabalance("predict", folder, results / "phantom" / "tcia.zip", "--out", out, *options)
    assert done.returncode == 1, done.stdout  # the archive contains damaged images
    evaluated = pd.read_parquet(folder / "predictions.parquet").query("source == 'tcia'")
    assert len(evaluated)
    members = pd.read_parquet(results / "manifest" / "tcia.parquet").set_index("image_id")["member"]
    table = pd.read_csv(out)
    table.index = table["path"].map(lambda path: next((name for name in members if path.endswith(name)), path))
    predictions = table.loc[evaluated["image_id"].map(members)]
    assert predictions["predicted"].tolist() == evaluated["predicted"].tolist()
    assert predictions["confidence"].to_numpy() == pytest.approx(evaluated["confidence"].to_numpy(), abs=1e-5)


ORIGINAL = "results/tiny/leak_free/classifiers/original/seed-1"


def test_a_finished_model_predicts_as_it_was_evaluated(finished, tmp_path):
    compare_with_evaluation(finished, finished.folder / ORIGINAL, tmp_path / "out.csv", "--source", "tcia")


def test_a_copied_model_of_normalised_images_predicts_as_it_was_evaluated(edited, tmp_path):
    (edited.folder / "more.yaml").write_text("balance: {recipes: {original: {normalizer: reinhard}}}\n")
    copied = ("classify_normalizer", "protocol=leak_free, experiment=original, training=1, source=tcia")
    assert copied in edited.jobs(overlays=MORE)
    done = edited.snakemake(f"{ORIGINAL}/model.json", overlays=MORE)
    assert done.returncode == 0, done.stdout
    shutil.copytree(edited.folder / ORIGINAL, tmp_path / "elsewhere")
    shutil.rmtree(edited.folder / ORIGINAL / "normalizer")
    compare_with_evaluation(edited, tmp_path / "elsewhere", tmp_path / "out.csv", "--normalize-from", "tcia")


def test_a_balanced_set_is_exported_whole(finished, tmp_path):
    folder = finished.folder / "results" / "tiny" / "leak_free" / "balanced" / "balanced"
    done = finished.hemabalance("export-images", folder, tmp_path / "out")
    assert done.returncode == 0, done.stdout
    rows = pd.read_parquet(folder / "images.parquet")
    written = [path.parent.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")]
    assert sorted(written) == sorted(rows["part"] + "/" + rows["label"])


def test_swapping_the_values_of_two_settings_is_noticed(edited):
    (edited.folder / "more.yaml").write_text("split: {test_share: 0.1, validation_share: 0.3}\n")
    assert "split" in edited.would_run(overlays=MORE)


def test_touching_every_file_reruns_nothing(edited):
    for path in edited.folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert edited.would_run() == set()


def test_a_missing_archive_says_what_to_download_and_where_to_put_it(project):
    (project.folder / "more.yaml").write_text("sources: {tcia: {origin: local, archive: data/raw/tcia.zip}}\n")
    done = project.snakemake("results/tiny/inventory/tcia.parquet", overlays=MORE)
    assert done.returncode == 1
    assert "https://www.cancerimagingarchive.net/collection/aml-cytomorphology_lmu/" in done.stdout
    assert f"put it at {project.folder}/data/raw/tcia.zip" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list(project.folder.glob("results/**/*.parquet"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("split: {tset_share: 0.2}", ["split.tset_share", "test_share"]),
        ("images: {size: -3}", ["images.size", ">= 16"]),
        ("taxonomy: mine", ["taxonomy", "thesis", "refined"]),
    ],
)
def test_a_wrong_config_is_refused_before_any_rule_runs(project, setting, words):
    (project.folder / "more.yaml").write_text(setting)
    done = project.snakemake(overlays=MORE)
    assert done.returncode == 1
    assert all(word in done.stdout for word in words)
    assert not (project.folder / "results").exists()


def test_an_excluded_image_that_does_not_exist_stops_the_run_and_leaves_nothing(edited):
    with (edited.folder / "data" / "exclusions.csv").open("a") as handle:
        handle.write("tcia,BAS/BAS_9999.tiff,blurred,somebody\n")
    done = edited.snakemake()
    assert done.returncode == 1
    assert "data/exclusions.csv, row 2: no image BAS/BAS_9999.tiff in source tcia" in done.stdout


def test_a_truncated_archive_stops_the_run_with_one_message_and_leaves_nothing(edited):
    archive = edited.folder / "results" / "tiny" / "phantom" / "mendeley.zip"
    (edited.folder / "cut.zip").write_bytes(archive.read_bytes()[:-5000])
    (edited.folder / "more.yaml").write_text("run: cut\nsources: {mendeley: {origin: local, archive: cut.zip}}\n")
    done = edited.snakemake(overlays=MORE)
    assert done.returncode == 1
    assert "cut.zip: is truncated or damaged" in done.stdout
    assert "Download it again" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list((edited.folder / "results" / "cut").rglob("mendeley*.parquet"))
    assert not list(edited.folder.rglob("*.part"))


@pytest.fixture
def mirror(edited):
    """A local server with mendeley's rendered archive, and a config that downloads it from there."""
    directory = edited.folder / "results" / "tiny" / "phantom"
    handler = functools.partial(SimpleHTTPRequestHandler, directory=directory)
    receipt = json.loads((edited.folder / "results" / "tiny" / "inventory" / "mendeley.json").read_text())
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        catalogue = yaml.safe_load((edited.folder / "data" / "sources.yaml").read_text())
        catalogue["mendeley"]["addresses"] = [f"http://127.0.0.1:{server.server_port}/mendeley.zip"]
        catalogue["mendeley"]["content_sha256"] = receipt["content_sha256"]
        (edited.folder / "mirror.yaml").write_text(yaml.safe_dump(catalogue))
        settings = {
            "run": "fetched",
            "catalogue": "mirror.yaml",
            "sources": {"mendeley": {"origin": "download", "archive": "data/raw/got.zip"}},
            "download": {"attempts": 1, "backoff_s": 0.0},
        }
        (edited.folder / "more.yaml").write_text(yaml.safe_dump(settings))
        yield edited
        server.shutdown()


def test_an_archive_is_downloaded_once_and_never_deleted(mirror):
    done = mirror.snakemake("results/fetched/inventory/mendeley.parquet", overlays=MORE)
    assert done.returncode == 0, done.stdout
    archive = mirror.folder / "data" / "raw" / "got.zip"
    assert archive.read_bytes() == (mirror.folder / "results" / "tiny" / "phantom" / "mendeley.zip").read_bytes()
    receipt = json.loads((mirror.folder / "results" / "fetched" / "inventory" / "mendeley.json").read_text())
    assert receipt["complete"]
    assert mirror.would_run("results/fetched/inventory/mendeley.parquet", overlays=MORE) == set()
    assert "download_mendeley" not in mirror.would_run("--forceall", overlays=MORE)


def test_a_download_of_other_content_is_refused(mirror):
    catalogue = yaml.safe_load((mirror.folder / "mirror.yaml").read_text())
    catalogue["mendeley"]["content_sha256"] = "0" * 64
    (mirror.folder / "mirror.yaml").write_text(yaml.safe_dump(catalogue))
    done = mirror.snakemake("data/raw/got.zip", overlays=MORE)
    assert done.returncode == 1
    assert "content digest" in done.stdout
    assert f"put it at {mirror.folder}/data/raw/got.zip" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list((mirror.folder / "data" / "raw").glob("got.zip*"))


def test_the_report_shows_every_picture_offline(finished, tmp_path):
    html = (finished.folder / "results" / "tiny" / "report.html").read_text("utf-8")
    pictures = html.count("<img ")
    figures = figures_of(html)
    assert len(figures) + html.count("<img src='data:image/webp;base64,") == pictures > 30
    assert not any("data:image/png" in figure for figure in figures)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*\.(?:js|css|svg|png|woff2?)"', html)
    if browser():  # without a browser, only the checks above
        rendered = render_page(html, tmp_path)
        assert (rendered.errors, rendered.console) == ([], [])
        assert len(rendered.sizes) == pictures
        assert all(min(sizes) > 20 for sizes in rendered.sizes), rendered.sizes


def test_snakemakes_own_report_works(finished, tmp_path):
    done = finished.snakemake("--report", str(tmp_path / "own.html"))
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "own.html").stat().st_size > 100_000
