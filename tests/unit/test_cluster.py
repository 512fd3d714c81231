"""Resources of cluster jobs: from benchmarks to a profile."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from helpers.benchmarks import COLUMNS, GPU, write_benchmark
from helpers.project import Project
from hemabalance.cli import main
from hemabalance.cluster.benchmarks import MeasuredJob, measured_jobs
from hemabalance.cluster.demand import NETWORKS_MB, NETWORKS_MINUTES, SNAKEMAKE_MB, demands, upper_line
from hemabalance.cluster.gpu_measurements import read_gpu_rules
from hemabalance.cluster.profile import set_resources
from hemabalance.cluster.siblings import SIBLINGS
from hemabalance.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PROFILE = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())


def evaluate(expression: object, *, size_mb: float = 0.0, attempt: int = 1) -> float:
    """Evaluate an expression of a profile as Snakemake does."""
    names = {"attempt": attempt, "input": SimpleNamespace(size_mb=size_mb), "threads": 4}
    return float(eval(str(expression), names))


def profile_rules(jobs: list[MeasuredJob]) -> dict[str, dict[str, object]]:
    rules: dict[str, dict[str, object]] = yaml.safe_load(set_resources(demands(jobs)))["set-resources"]
    return rules


def test_jobs_are_read_with_the_size_of_their_inputs(tmp_path: Path) -> None:
    write_benchmark(
        tmp_path, "split/a", seconds=2.5, measured=180.5, rule="split", sizes="{'a.parquet': 1.5, 'b.parquet': 0.25}"
    )
    write_benchmark(tmp_path, "fit/deep/b", seconds=0.3, measured="NA", rule="fit", resources=GPU)
    settings = {"seed": 1, "note": "it's"}
    assert measured_jobs(tmp_path) == [
        MeasuredJob("fit", 0.0, None, 0.3, True, 2, None, "fit", settings, "cpu", "fit/deep/b"),
        MeasuredJob("split", 1.75, 180.5, 2.5, False, 2, 180.5, "split", settings, "", "split/a"),
    ]


def test_a_folder_without_measurements_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no files in benchmarks/\. Choose the folder of a run"):
        measured_jobs(tmp_path)


@pytest.mark.parametrize(
    "text", ["s\tmax_rss\n1.0\t2.0\n", COLUMNS + "1.0\n", COLUMNS.replace("s\t", "x\t", 1) + "1\n"]
)
def test_measurements_without_inputs_are_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "benchmarks" / "a.tsv"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.tsv: does not contain the sizes of the job's inputs.*benchmark-extended"):
        measured_jobs(tmp_path)


def test_the_line_fits_points_on_a_line() -> None:
    line = upper_line([1.0, 2.0, 4.0], [5.0, 7.0, 11.0], 50.0)
    assert (line.base, line.slope) == pytest.approx((3.0, 2.0))


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.0, 2.0, 3.0], [5.0, 9.0, 6.0]),
        ([1.0, 2.0, 3.0], [9.0, 5.0, 1.0]),
        ([0.001, 0.002], [100.0, 900.0]),
        ([7.0, 7.0], [1.0, 2.0]),
        ([10.0, 20.0], [1.0, 100.0]),
    ],
)
def test_no_point_is_above_the_line_and_its_slope_is_not_negative(x: list[float], y: list[float]) -> None:
    line = upper_line(x, y, 50.0)
    assert line.base >= 0
    assert 0 <= line.slope <= 50
    assert all(line.base + line.slope * a >= b - 1e-9 for a, b in zip(x, y, strict=True))


def test_demands_cover_the_measurements_and_grow_with_inputs_and_attempts() -> None:
    jobs = [MeasuredJob("images", 10.0, 1000.0, 6.0, False), MeasuredJob("images", 100.0, 1900.0, 60000.0, False)]
    rule = profile_rules(jobs)["images"]
    for job in jobs:
        assert evaluate(rule["mem_mb"], size_mb=job.input_mb) >= 1.5 * (job.memory_mb or 0) + SNAKEMAKE_MB
        assert evaluate(rule["runtime"], size_mb=job.input_mb) >= 5 * job.seconds / 60
    assert evaluate(rule["mem_mb"], size_mb=1000.0) == pytest.approx(1.5 * 10900 + SNAKEMAKE_MB, abs=120)
    memory = [evaluate(rule["mem_mb"], size_mb=5, attempt=k) for k in (1, 2, 3)]
    assert memory == [memory[0], 2 * memory[0], 4 * memory[0]]
    assert evaluate(rule["runtime"], size_mb=5, attempt=3) == 3 * evaluate(rule["runtime"], size_mb=5)
    assert "cpus_per_gpu" not in rule


def test_rules_with_networks_get_more_memory_a_day_and_threads_per_gpu() -> None:
    rule = profile_rules([MeasuredJob("fit", 1.0, 800.0, 3.0, True), MeasuredJob("fit", 2.0, None, 3.0, True)])["fit"]
    assert evaluate(rule["mem_mb"]) >= NETWORKS_MB + 800
    assert evaluate(rule["runtime"]) == 24 * 60
    assert evaluate(rule["cpus_per_gpu"]) == 4


def test_sibling_rules_get_the_same_resources() -> None:
    jobs = [
        MeasuredJob("stain_report_leak_free", 1.0, 800.0, 3.0, True),
        MeasuredJob("classify_report", 1.0, 9.0, 3.0, False),
    ]
    by_rule = demands(jobs)
    assert list(by_rule) == [
        "classify_report", "classify_report_experiments",
        "stain_report_leak_free", "stain_report_leak_free_experiments",
        "stain_report_thesis", "stain_report_thesis_experiments",
    ]  # fmt: skip
    assert by_rule["stain_report_leak_free"] == by_rule["stain_report_thesis"]


def test_sibling_rules_are_listed(tmp_path: Path) -> None:
    """A profile can contain only rules that are known without a config."""
    project = Project(tmp_path)
    both = "{compare: [leak_free, thesis]}"
    overlay = f"stain: {{normalizers: {{none: {both}}}}}\nsynthesis: {{generators: {{c_wgan_gp: {both}}}}}\n"
    (tmp_path / "more.yaml").write_text(overlay)
    overlays = ("profiles/overlays/demo.yaml", "more.yaml")
    listed = project.snakemake("--list-rules", overlays=overlays).stdout
    generated = {line.split()[0] for line in listed.splitlines() if re.match(r"\w+_report(_| |$)", line)}
    assert generated - {"across_report", "dataset_report", "scarcity_report"} == {
        name for names in SIBLINGS for name in names
    }


def test_a_job_too_short_to_be_measured_gets_the_minimum() -> None:
    rule = profile_rules([MeasuredJob("split", 0.1, None, 0.2, False)])["split"]
    assert evaluate(rule["mem_mb"]) == 1000
    assert evaluate(rule["runtime"]) == 120


def test_the_command_replaces_the_last_section_of_a_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_benchmark(tmp_path / "run", "split/a", seconds=2.5, measured=180.5, rule="split", sizes="{'a.parquet': 1.5}")
    profile = tmp_path / "config.yaml"
    profile.write_text("# by hand\nexecutor: slurm\nset-resources:\n  old: {mem_mb: 1}\n")
    assert main(["resources", str(tmp_path / "run"), "--into", str(profile)]) == 0
    assert "1 rules, from 1 jobs" in capsys.readouterr().out
    assert profile.read_text().startswith(
        "# by hand\nexecutor: slurm\nset-resources:\n  # 1 job on 1.5 to 1.5 MB: at most"
    )
    assert list(yaml.safe_load(profile.read_text())["set-resources"]) == ["split"]
    assert main(["resources", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.startswith("set-resources:\n")


def test_a_file_that_is_no_profile_is_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_benchmark(tmp_path / "run", "split/a", seconds=2.5, measured=180.5, rule="split")
    (tmp_path / "config.yaml").write_text("run: full\n")
    assert main(["resources", str(tmp_path / "run"), "--into", str(tmp_path / "config.yaml")]) == 1
    assert "has no line `set-resources:`" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == "run: full\n"


def workflow_rules() -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    return set(re.findall(r"^rule (\w+):", text, re.MULTILINE)).union(*SIBLINGS)


def test_every_rule_has_a_benchmark_and_none_sets_its_memory() -> None:
    for path in (ROOT / "rules").glob("*.smk"):
        text = path.read_text()
        assert text.count("benchmark:") == text.count("script:")
        assert "mem_mb" not in text


@pytest.mark.parametrize("name", sorted(workflow_rules()))
def test_the_slurm_profile_gives_every_rule_memory_and_time_that_grow(name: str) -> None:
    """Rules with generated names, which download an archive or check for one, use the defaults."""
    for rule in (PROFILE["set-resources"][name], PROFILE["default-resources"]):
        for resource, least in (("mem_mb", 1000), ("runtime", 60)):
            first = evaluate(rule[resource], size_mb=10.0)
            assert first >= least
            assert evaluate(rule[resource], size_mb=10.0, attempt=2) >= 2 * first
            assert evaluate(rule[resource], size_mb=1000.0) >= first


def test_the_slurm_profile_has_no_unknown_rule() -> None:
    assert set(PROFILE["set-resources"]) == workflow_rules()
    assert PROFILE["executor"] == "slurm"
    assert PROFILE["retries"] >= 3


def gpu_json(folder: Path, **changed: object) -> Path:
    values: dict[str, object] = {
        "hardware": {"device": "H100", "cuda": "13.0", "memory_mib": 80000.0},
        "sizes": "full",
        "host_mib": {"before": 900.0, "peak": 3900.0},
        "rules": {"stain_fit": {"hours": 10.0, "memory_mib": 12288.0}},
    }
    (folder / "gpu.json").write_text(json.dumps(values | changed))
    return folder / "gpu.json"


def test_measurements_of_a_gpu_replace_guesses(tmp_path: Path) -> None:
    jobs = [MeasuredJob(rule, 10.0, 1000.0, 60.0, True) for rule in ("stain_fit", "stain_images")]
    by_rule = demands(jobs, read_gpu_rules(gpu_json(tmp_path)))
    assert by_rule["stain_fit"].minutes.base == 2 * 10 * 60
    assert by_rule["stain_fit"].memory.base == 1.5 * 1000 + SNAKEMAKE_MB + 1.5 * 3000
    assert by_rule["stain_images"].minutes.base == NETWORKS_MINUTES
    assert by_rule["stain_images"].memory.base == 1.5 * 1000 + SNAKEMAKE_MB + NETWORKS_MB
    text = set_resources(by_rule)
    assert "at most 1000 MB, 60 s; on H100: 10.0 h, 12.0 GiB of GPU memory" in text
    assert yaml.safe_load(text)["set-resources"]["stain_fit"]["cpus_per_gpu"] == "threads"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"sizes": "tiny"}, "was not measured on a GPU at the sizes of a run"),
        ({"hardware": {"device": "CPU", "cuda": None, "memory_mib": None}}, "was not measured on a GPU"),
        ({"rules": None}, "is no complete output of check-gpu"),
    ],
)
def test_measurements_of_no_gpu_are_refused(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_gpu_rules(gpu_json(tmp_path, **changed))
    with pytest.raises(InputError, match="does not exist"):
        read_gpu_rules(tmp_path / "absent.json")
