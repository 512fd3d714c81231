"""What jobs need of a cluster: from measurements to a profile."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from helpers.project import Project
from hemabalance.cli import main
from hemabalance.cluster.benchmarks import MeasuredJob, measured_jobs
from hemabalance.cluster.demand import NETWORKS_MB, SNAKEMAKE_MB, demands, line_above
from hemabalance.cluster.profile import set_resources
from hemabalance.cluster.siblings import SEVERAL
from hemabalance.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PROFILE = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
COLUMNS = "s\th:m:s\tmax_rss\tthreads\trule_name\tparams\tresources\tinput_size_mb\n"
CPU, GPU = "{'tmpdir': '/tmp', '_cores': 1}", "{'gpu': 0, 'device': 'cpu', 'devices': 1}"


def measured(run: Path, name: str, seconds: object, rss: object, rule: str, resources: str, sizes: str) -> None:
    path = run / "benchmarks" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = """{'settings': '{"seed":1,"words":"it\\'s"}'}"""
    path.write_text(
        COLUMNS + "\t".join(map(str, (seconds, "0:00:01", rss, 1, rule, settings, resources, sizes))) + "\n"
    )


def asked(expression: object, *, size_mb: float = 0.0, attempt: int = 1) -> float:
    """What Snakemake makes of an expression in a profile."""
    names = {"attempt": attempt, "input": SimpleNamespace(size_mb=size_mb), "threads": 4}
    return float(eval(str(expression), names))


def written(jobs: list[MeasuredJob]) -> dict[str, dict[str, object]]:
    rules: dict[str, dict[str, object]] = yaml.safe_load(set_resources(demands(jobs)))["set-resources"]
    return rules


def test_jobs_are_read_with_the_size_of_their_inputs(tmp_path: Path) -> None:
    measured(tmp_path, "split/a", 2.5, 180.5, "split", CPU, "{'a.parquet': 1.5, 'b.parquet': 0.25}")
    measured(tmp_path, "fit/deep/b", 0.3, "NA", "fit", GPU, "{}")
    assert measured_jobs(tmp_path) == [
        MeasuredJob("fit", 0.0, None, 0.3, True),
        MeasuredJob("split", 1.75, 180.5, 2.5, False),
    ]


def test_a_folder_without_measurements_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no measurements below benchmarks/\. Name the folder of a run"):
        measured_jobs(tmp_path)


@pytest.mark.parametrize(
    "text", ["s\tmax_rss\n1.0\t2.0\n", COLUMNS + "1.0\n", COLUMNS.replace("s\t", "x\t", 1) + "1\n"]
)
def test_measurements_without_inputs_are_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "benchmarks" / "a.tsv"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.tsv: does not say what the job's inputs were.*benchmark-extended"):
        measured_jobs(tmp_path)


def test_the_line_is_the_points_where_they_lie_on_one() -> None:
    line = line_above([1.0, 2.0, 4.0], [5.0, 7.0, 11.0], 50.0)
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
def test_no_point_is_above_the_line_and_more_input_never_asks_for_less(x: list[float], y: list[float]) -> None:
    line = line_above(x, y, 50.0)
    assert line.base >= 0
    assert 0 <= line.slope <= 50
    assert all(line.base + line.slope * a >= b - 1e-9 for a, b in zip(x, y, strict=True))


def test_what_is_asked_for_covers_what_was_measured_and_grows_with_inputs_and_attempts() -> None:
    jobs = [MeasuredJob("images", 10.0, 1000.0, 6.0, False), MeasuredJob("images", 100.0, 1900.0, 60000.0, False)]
    rule = written(jobs)["images"]
    for job in jobs:
        assert asked(rule["mem_mb"], size_mb=job.input_mb) >= 1.5 * (job.memory_mb or 0) + SNAKEMAKE_MB
        assert asked(rule["runtime"], size_mb=job.input_mb) >= 5 * job.seconds / 60
    assert asked(rule["mem_mb"], size_mb=1000.0) == pytest.approx(1.5 * 10900 + SNAKEMAKE_MB, abs=120)
    assert [asked(rule["mem_mb"], size_mb=5, attempt=k) / asked(rule["mem_mb"], size_mb=5) for k in (2, 3)] == [2, 4]
    assert asked(rule["runtime"], size_mb=5, attempt=3) == 3 * asked(rule["runtime"], size_mb=5)
    assert "cpus_per_gpu" not in rule


def test_rules_with_networks_get_room_for_a_gpus_libraries_a_day_and_threads_for_each_gpu() -> None:
    rule = written([MeasuredJob("fit", 1.0, 800.0, 3.0, True), MeasuredJob("fit", 2.0, None, 3.0, True)])["fit"]
    assert asked(rule["mem_mb"]) >= NETWORKS_MB + 800
    assert asked(rule["runtime"]) == 24 * 60
    assert asked(rule["cpus_per_gpu"]) == 4


def test_of_rules_that_are_one_several_times_one_is_measured_and_all_are_given_the_same() -> None:
    jobs = [
        MeasuredJob("stain_report_leak_free", 1.0, 800.0, 3.0, True),
        MeasuredJob("classify_report", 1.0, 9.0, 3.0, False),
    ]
    wanted = demands(jobs)
    assert list(wanted) == [
        "classify_report", "classify_report_experiments", "stain_report_leak_free", "stain_report_thesis",
    ]  # fmt: skip
    assert wanted["stain_report_leak_free"] == wanted["stain_report_thesis"]


def test_rules_that_are_one_several_times_are_known(tmp_path: Path) -> None:
    """A profile can name only rules that are known without a config."""
    project = Project(tmp_path)
    both = "{compare: [leak_free, thesis]}"
    more = f"stain: {{normalizers: {{none: {both}}}}}\nsynthesis: {{generators: {{c_wgan_gp: {both}}}}}\n"
    (tmp_path / "more.yaml").write_text(more)
    overlays = ("profiles/overlays/demo.yaml", "more.yaml")
    listed = project.snakemake("--list-rules", overlays=overlays).stdout
    generated = {line.split()[0] for line in listed.splitlines() if re.match(r"\w+_report(_| |$)", line)}
    assert generated - {"dataset_report"} == {name for names in SEVERAL for name in names}


def test_a_job_too_short_to_be_seen_still_asks_for_something() -> None:
    rule = written([MeasuredJob("split", 0.1, None, 0.2, False)])["split"]
    assert asked(rule["mem_mb"]) == 1000
    assert asked(rule["runtime"]) == 120


def test_the_command_replaces_the_last_part_of_a_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path / "run", "split/a", 2.5, 180.5, "split", CPU, "{'a.parquet': 1.5}")
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


def test_a_file_that_is_no_profile_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path / "run", "split/a", 2.5, 180.5, "split", CPU, "{}")
    (tmp_path / "config.yaml").write_text("run: full\n")
    assert main(["resources", str(tmp_path / "run"), "--into", str(tmp_path / "config.yaml")]) == 1
    assert "has no line `set-resources:`" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == "run: full\n"


def rules_of_the_workflow() -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    return set(re.findall(r"^rule (\w+):", text, re.MULTILINE)).union(*SEVERAL)


def test_every_rule_is_measured_and_its_memory_is_nowhere_else() -> None:
    for path in (ROOT / "rules").glob("*.smk"):
        text = path.read_text()
        assert text.count("benchmark:") == text.count("script:")
        assert "mem_mb" not in text


@pytest.mark.parametrize("name", sorted(rules_of_the_workflow()))
def test_the_profile_for_slurm_gives_every_rule_memory_and_time_that_grow(name: str) -> None:
    """Rules without a name of their own in `rules/`, which download or look for an archive, have the defaults."""
    for rule in (PROFILE["set-resources"][name], PROFILE["default-resources"]):
        for resource, least in (("mem_mb", 1000), ("runtime", 60)):
            first = asked(rule[resource], size_mb=10.0)
            assert first >= least
            assert asked(rule[resource], size_mb=10.0, attempt=2) >= 2 * first
            assert asked(rule[resource], size_mb=1000.0) >= first


def test_the_profile_for_slurm_names_no_rule_that_is_not() -> None:
    assert set(PROFILE["set-resources"]) == rules_of_the_workflow()
    assert PROFILE["executor"] == "slurm"
    assert PROFILE["retries"] >= 3
