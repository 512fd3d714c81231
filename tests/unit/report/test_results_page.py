"""`hemabalance results`: the page of results in Markdown, written between two markers."""

import json
import platform
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from helpers.across_runs import ARMS as ACROSS_ARMS
from helpers.across_runs import paths_in as across_paths
from helpers.across_runs import small_experiment
from helpers.project import ROOT
from helpers.result_tables import columns_used, write_run
from helpers.scarcity_runs import ARMS, paths_in, small_runs
from hemabalance.cli import main
from hemabalance.cluster.benchmarks import MeasuredJob
from hemabalance.errors import InputError
from hemabalance.report.across.write import write_across
from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE
from hemabalance.report.results.block import markers, text_around
from hemabalance.report.results.context import context
from hemabalance.report.results.effort import hours_by_stage, sizes, stage_of, uses_cuda
from hemabalance.report.results.machine import commit, processor
from hemabalance.report.results.markdown import markdown_table
from hemabalance.report.results.page import results_page
from hemabalance.report.results.run_tables import read_run_tables, shown_tables
from hemabalance.report.scarcity.write import write_scarcity

BEGIN, END = markers("experiments")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("results page"))


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return results_page(run)


@pytest.fixture
def own_run(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "results" / "mine")
    return tmp_path / "results" / "mine"


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}[^\n]*\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


# --- content


def test_every_table_has_a_heading_and_rows(page: str) -> None:
    for number in ("2 and 3", "4 and 5", "6", "13", "14", "15", "16", "17 and 22", "18", "19 and 21", "20", "24"):
        assert re.search(rf"^#### .*\(thesis Tables? {number}\)", page, re.MULTILINE), number
    assert "(thesis Fig. 52)" in page
    assert section(page, "Contribution of each part, in numbers").count("\n| row ") == 5
    assert "| row 0 | balanced | 0.984 | 0.900 (0.890 to 0.910) | – | 0.800 (0.790 to 0.810) | – |" in page
    classes = section(page, "Each class against the rest")
    assert "| class | n | sensitivity, plain | sensitivity, balanced |" in classes
    assert (
        "| basophil | 5 | 0.500 (0.490 to 0.510); reported 0.925 | 0.800 (0.790 to 0.810); reported 0.995 |" in classes
    )
    assert "| wcyclegan_gp | 96.26 | not available: a | 0 |" in page
    assert "\na: the logits cannot be fetched with a checksum.\n" in page
    assert "| a | 12,000 | 7 |" in section(page, "Images in source tcia")
    table_lines = [line for line in page.splitlines() if line.startswith("|")]
    assert not any(cell in ("", "nan", "None") for line in table_lines for cell in line.strip("| ").split(" | "))


def test_the_page_has_neither_pictures_nor_places_nor_names_of_machines(page: str, run: Path) -> None:
    assert "![" not in page
    assert "<img" not in page
    assert platform.node() not in page
    assert str(run.parents[1]) not in page
    assert not re.search(r"(?<![\w.])/(home|tmp|work|root|Users)/", page)


def test_the_head_tells_run_code_machine_hours_and_sizes(page: str) -> None:
    head = page[: page.index("### Balanced and original set")]
    assert "- Run: `invented`" in head
    assert re.search(r"commit `[0-9a-f]{12}`|commit not available: the code is not a git checkout", head)
    assert re.search(r"- Hardware: .+, \d+ cores?, \d+ GiB of memory\.", head)
    assert re.search(r"Python \d+\.\d+\.\d+, torch \d+\.\d+", head)
    assert "| synthesis | 1 | 1.00 | 0.83 |" in head
    assert "| all | 2 | 2.00 | 1.67 |" in head
    assert "| images of the sources | 64 | – |" in head
    assert "| generator figr | 32 | 1,200 episodes |" in head
    assert "rendered" not in head


def test_the_pair_is_shown_with_its_seeds_and_both_spreads(page: str) -> None:
    text = section(page, "Balanced and original set")
    assert "**Do they help?** In part." in text
    for seed in (1, 2, 3):
        assert f"\n| {seed} | 0.9" in text
    assert "| 2 | 0.940 (0.930 to 0.950) | 0.900 (0.890 to 0.910) | 0.050 (0.040 to 0.060) | 0.050" in text
    assert "standard deviation between trainings 0.012 (3 seeds, mean 0.012)" in text
    assert "half the 95 % interval over test images 0.0100" in text


def test_classifiers_of_different_sizes_are_named_among_the_limits(tmp_path: Path) -> None:
    tables = read_run_tables(write_run(tmp_path))
    path = next(path for path in tables.files if Path(path).stem == "classify_cost")
    cost = tables.files[path]
    assert not any("Classifiers differ" in line for line in context(tables))
    cost.loc[cost["model"] == "vgg19", ["parameters_million", "steps"]] = ["139.6", "5000"]
    (line,) = (line for line in context(tables) if "Classifiers differ" in line)
    assert "vgg19 139.6 million parameters, 5,000 steps" in line
    assert "senet154_ge 1.0 million parameters, 100 steps" in line


def test_the_limits_of_the_comparison_are_written_from_the_figures(page: str) -> None:
    text = section(page, "What limits the comparison")
    assert "1,500 real images after cleaning, the thesis 33,178 (5%)" in text
    assert "accuracy 0.990 (0.980 to 1.000), n = 449 under the thesis's protocol" in text
    assert "the intervals do not overlap" in text
    assert "FID for rare classes is measured on 64 images" in text
    assert "fewer than 10 test images" in text


def test_one_sentence_names_the_best_generator_of_each_role(page: str) -> None:
    sentences = section(page, "Best generators").strip().split("\n\n")
    assert len(sentences) == 2
    for sentence, best, second in zip(
        sentences, ("c_wgan_gp_rich", "fewshot_meta_rare"), ("acgan_rich", "fastgan_rare"), strict=True
    ):
        assert f"`{best}` has the lowest FID of 6: 20.000 (19.000 to 21.000), and the lowest KID" in sentence
        assert f"next by FID is `{second}`" in sentence
        assert "floor of real images: FID 8.000" in sentence
        assert f"of `{best}`, 40 of 128 draws pass the gate and 2 of 128 are copies" in sentence
        assert "training times were not equal: 10.0s" in sentence


def test_kid_may_name_another_generator_and_times_may_be_equal(own_run: Path) -> None:
    tables = own_run / "experiments" / "tables"
    fid, cost = (pd.read_csv(tables / f"synthesis_{name}_leak_free.csv", dtype="str") for name in ("fid", "cost"))
    fid.loc[fid["generator"] == "acgan_rich", "measured_kid_x1000"] = "0.500"
    fid.loc[fid["generator"] == "acgan_rich", "measured_fid_low"] = "20.500"
    cost["measured_training_time"] = "10.0s"
    for name, table in (("fid", fid), ("cost", cost)):
        table.to_csv(tables / f"synthesis_{name}_leak_free.csv", index=False)
    sentence = section(results_page(own_run), "Best generators").strip().split("\n\n")[0]
    assert "by KID it is `acgan_rich` (0.500" in sentence
    assert "`acgan_rich` (30.000 (20.500 to 31.000), intervals overlap)" in sentence
    assert "of `acgan_rich`, 40 of 128" in sentence
    assert "about the same time (10.0s to 10.0s)" in sentence


def test_without_the_thesiss_values_there_are_no_claims(own_run: Path) -> None:
    models = own_run / "experiments" / "tables" / "classify_models.csv"
    pd.read_csv(models, dtype="str").drop(columns="reported_accuracy").to_csv(models, index=False)
    page = results_page(own_run)
    assert "Where the thesis holds" not in page
    assert "thesis Table" not in page


# --- the run


def test_a_run_that_shows_everything_has_the_page_in_its_own_folder(own_run: Path, page: str) -> None:
    for path in sorted((own_run / "experiments").rglob("*.*")):
        path.rename(own_run / path.relative_to(own_run / "experiments"))
    assert results_page(own_run) == page.replace("Run: `invented`", "Run: `mine`")


def test_an_unfinished_run_is_refused_with_the_names_of_what_is_missing(own_run: Path) -> None:
    for name in ("experiments/report.html", "experiments/tables/classify_seeds.csv", "tables/removed_tcia.csv"):
        (own_run / name).unlink()
    with pytest.raises(InputError) as raised:
        read_run_tables(own_run)
    assert "missing: experiments/report.html, tables/removed_tcia.csv, experiments/tables/classify_seeds.csv" in str(
        raised.value
    )
    assert "make experiments" in str(raised.value)
    with pytest.raises(InputError, match=r"does not exist\. Run `make experiments"):
        read_run_tables(own_run / "absent")


def test_one_source_needs_no_tables_of_stain_and_three_have_several(own_run: Path) -> None:
    tables = own_run / "experiments" / "tables"
    for path in tables.glob("stain_*_leak_free.csv"):
        shutil.copy(path, tables / f"{path.stem}_of_third.csv")
        path.rename(tables / f"{path.stem}_of_tcia.csv")
    found = read_run_tables(own_run)
    assert {path for path in found.files if "stain_fid" in path} == {
        f"experiments/tables/stain_fid_leak_free_of_{name}.csv" for name in ("tcia", "third")
    }
    assert results_page(own_run).count("(thesis Table 13)") == 2
    for path in tables.glob("stain_*"):
        path.unlink()
    with pytest.raises(InputError, match="stain_fid_leak_free"):
        read_run_tables(own_run)
    pd.DataFrame({"source": ["mendeley"], "rows": ["9"]}).to_csv(own_run / "tables" / "statuses.csv", index=False)
    assert not any("stain" in path for path in read_run_tables(own_run).files)


def test_tables_of_the_thesiss_protocol_are_shown_after_the_others(own_run: Path) -> None:
    tables = own_run / "experiments" / "tables"
    shutil.copy(tables / "synthesis_fid_leak_free.csv", tables / "synthesis_fid_thesis.csv")
    headings = re.findall(r"^#### FID, KID.*protocol (\w+)", results_page(own_run), re.MULTILINE)
    assert headings == ["leak_free", "thesis"]


def test_a_run_without_benchmarks_says_why_it_has_no_hours(own_run: Path) -> None:
    shutil.rmtree(own_run / "benchmarks")
    assert "Hours and sizes: not available: the run has no benchmarks" in results_page(own_run)


# --- the file


def test_text_outside_of_the_markers_is_kept_and_a_second_run_changes_nothing(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(f"# Ours\n\nBy hand é.\n\n{BEGIN}\nold\n{END}\n\n## Speed\n\nFast.\n", "utf-8")
    assert main(["results", "--run", str(run), "--into", str(path)]) == 0
    first = path.read_text("utf-8")
    assert first.startswith(f"# Ours\n\nBy hand é.\n\n{BEGIN}\n\n## All experiments\n")
    assert first.endswith(f"{END}\n\n## Speed\n\nFast.\n")
    assert "\nold\n" not in first
    assert main(["results", "--run", str(run), "--into", str(path)]) == 0
    assert path.read_text("utf-8") == first


def test_a_new_file_is_created_with_markers(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "RESULTS.md"
    assert main(["results", "--run", str(run), "--into", str(path)]) == 0
    assert capsys.readouterr().out == f"written: {path}\n"
    assert path.read_text("utf-8").startswith(f"# Measured results\n\n{BEGIN}\n")
    assert text_around(path, "experiments") == ("# Measured results\n\n", "")


@pytest.mark.parametrize("text", ["by hand\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n" * 2])
def test_a_file_without_the_two_markers_is_refused(run: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "RESULTS.md"
    path.write_text(text)
    assert main(["results", "--run", str(run), "--into", str(path)]) == 1
    assert path.read_text() == text
    with pytest.raises(InputError, match=r"two markers.*Put the lines `<!-- hemabalance results: begin -->`"):
        text_around(path, "experiments")


def test_the_results_of_the_repository_have_the_markers() -> None:
    before, after = text_around(ROOT / "RESULTS.md", "experiments")
    assert before.startswith("# Measured results\n")
    assert "## Speed" in before + after


def test_the_answer_of_the_scarcity_experiment_has_markers_of_its_own(tmp_path: Path) -> None:
    run, path = tmp_path / "results" / "scarcity", tmp_path / "RESULTS.md"
    (run / "scarcity" / "tables").mkdir(parents=True)
    begin, end = markers("scarcity")
    path.write_text(f"# Ours\n\n{begin}\n{end}\n\n{BEGIN}\nkept\n{END}\n", "utf-8")
    command = ["results", "--part", "scarcity", "--run", str(run), "--into", str(path)]
    assert main(command) == 1
    right = {"sampled": 0.5, "tuned": 0.6, "repeats": 0.6, "drawn": 0.9, "edited": 0.55, "ceiling": 0.95}
    write_scarcity(small_runs(tmp_path, right), ARMS, paths_in(run / "scarcity" / "tables"), seed=3)
    assert main(command) == 0
    text = path.read_text("utf-8")
    answer = json.loads((run / "scarcity" / "tables" / "sentence.json").read_text("utf-8"))
    assert f"{begin}\n\n## Do synthetic images help classes that have few images?\n\n**{answer['sentence']}**" in text
    assert "| 10 | drawn | tuned |" in text
    assert "#### Share of the gap to the ceiling that is recovered" in text
    assert text.endswith(f"{end}\n\n{BEGIN}\nkept\n{END}\n")


def test_the_answer_of_the_experiment_across_laboratories_too(tmp_path: Path) -> None:
    run, path = tmp_path / "results" / "across", tmp_path / "RESULTS.md"
    tables = run / "across" / "tables"
    tables.mkdir(parents=True)
    begin, end = markers("across")
    path.write_text(f"{begin}\n{end}\n", "utf-8")
    command = ["results", "--part", "across", "--run", str(run), "--into", str(path)]
    assert main(command) == 1
    files = small_experiment(tmp_path)
    write_across(files.runs, ACROSS_ARMS, across_paths(tables), split=files.split, images=files.images, seed=3)
    assert main(command) == 0
    text = path.read_text("utf-8")
    answer = json.loads((tables / "sentence.json").read_text("utf-8"))
    assert f"**{answer['sentence']}**\n\n{answer['unseen']}\n\n" in text
    assert "#### Recall of each class" in text
    assert text.endswith(f"\n\n{end}\n")


# --- parts


def test_cells_are_escaped_and_short_reasons_stand_in_the_cell() -> None:
    table = pd.DataFrame(
        {"name": ["a|b", "c"], "value": [NOT_AVAILABLE, "2"], "value_low": [NOT_AVAILABLE, "1"],
         "value_high": [NOT_AVAILABLE, "3"], "left_out": ["x", "y"], "reason": ["not built", NO_REASON]}
    )  # fmt: skip
    assert markdown_table(table, {"name": "name", "value": "measured value"}).splitlines() == [
        "| name | measured value |",
        "| --- | --- |",
        "| a\\|b | not available: not built |",
        "| c | 2 (1 to 3) |",
    ]


def test_hours_are_counted_by_the_folder_of_the_script() -> None:
    def job(kind: str, seconds: float, threads: int = 1, cpu: float | None = None, device: str = "") -> MeasuredJob:
        return MeasuredJob(kind, 0.0, None, seconds, bool(device), threads, cpu, kind, {}, device)

    jobs = [job("images", 1800, 2, 900), job("stain_fit", 36000, 1, 34200, "cuda"), job("no_rule", 36)]
    assert [stage_of(measured) for measured in jobs] == ["dataset", "stain", "other"]
    assert hours_by_stage(jobs) == [
        ["stain", "1", "10.00", "9.50"],
        ["dataset", "1", "1.00", "0.25"],
        ["other", "1", "0.01", "0.00"],
        ["all", "3", "11.01", "9.75"],
    ]
    assert uses_cuda(jobs)
    assert not uses_cuda(jobs[:1])
    assert sizes(jobs[2:]) == []


def test_the_commit_is_that_of_a_checkout(tmp_path: Path) -> None:
    assert commit(tmp_path) == "not available: the code is not a git checkout"
    assert processor(tmp_path / "absent")
    (tmp_path / "cpuinfo").write_text("processor : 0\nmodel name : Fast One\nmodel name : Fast One\n")
    assert processor(tmp_path / "cpuinfo") == "Fast One"


def test_tables_are_named_once_and_every_column_is_known(run: Path) -> None:
    entries = [entry["file"] for group in shown_tables() for entry in group["tables"]]
    assert len(entries) == len(set(entries))
    tables = read_run_tables(run)
    for path, table in tables.files.items():
        kind = Path(path).stem.removesuffix("_leak_free")
        assert columns_used(kind) <= set(table.columns), kind
