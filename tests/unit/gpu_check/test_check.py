"""The check at tiny sizes on the CPU: every method has a row, a failing one does not hide the others."""

import json
import os
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

from helpers.project import ROOT, Project
from helpers.thesis import CLASSES
from hemabalance.cli import main
from hemabalance.commands.check_gpu import read_config
from hemabalance.config.data import PixelConfig
from hemabalance.config.roles import RolesConfig
from hemabalance.errors import InputError
from hemabalance.gpu_check import check, real_training, speed
from hemabalance.gpu_check.cases import STAGES, TrainingCase, full_roles, training_cases
from hemabalance.gpu_check.check import CheckOptions, run_check
from hemabalance.gpu_check.projection import projection, reported_time, rule_demands, trainings_by_case
from hemabalance.gpu_check.real_training import read_images
from hemabalance.gpu_check.speed import DEFAULT, Effort, speed_row
from hemabalance.gpu_check.steps import Machine
from hemabalance.methods import method_names, traits_of
from hemabalance.sources.phantom.species import CELL_TYPES
from hemabalance.synthesis.conditional_training import ConditionalTraining
from hemabalance.synthesis.method import GeneratorSpec

CONFIG = read_config([ROOT / "config.yaml"])
METHODS = {(stage, name) for stage in STAGES for name in method_names(stage) if traits_of(stage, name).trains_networks}


def options(folder: Path, **changed: Any) -> CheckOptions:
    plain = CheckOptions("cpu", True, 3600.0, folder, 1, None, None)
    return replace(plain, **changed)


def rows(folder: Path, part: str) -> list[dict[str, Any]]:
    results = json.loads((folder / "gpu.json").read_text())
    return [row for found in results["parts"] if found["part"] == part for row in found["rows"]]


def methods_in(folder: Path, part: str) -> set[tuple[str, str]]:
    found = rows(folder, part)
    return {(row["rule"].removesuffix("_fit"), row["method"]) for row in found if row["method"] and "error" not in row}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("gpu")
    assert run_check(CONFIG, options(folder))
    return folder


@pytest.mark.parametrize("part", ["parity", "speed", "resume"])
def test_every_method_has_a_row(checked: Path, part: str) -> None:
    assert methods_in(checked, part) == METHODS


def test_every_row_was_measured(checked: Path) -> None:
    assert all(row["same"] for row in rows(checked, "parity"))
    assert all(row["equal"] for row in rows(checked, "resume"))
    assert all(row["images_per_s"] > 0 and 0 < row["loader_share"] < 1 for row in rows(checked, "speed"))
    assert {row["precision"] for row in rows(checked, "peers")} == {"32", "bf16"}
    text = (checked / "gpu.md").read_text()
    assert "## Parity of device and CPU" in text
    assert "| stain: wcyclegan_gp |" in text


def test_the_gradient_penalty_stays_in_float32(checked: Path) -> None:
    by_name = {row["name"]: row for row in rows(checked, "parity")}
    assert by_name["wcyclegan_gp"]["convolutions"]["float32"] > 0
    assert "float32" not in by_name["cyclegan"]["convolutions"]
    assert set(by_name["c_wgan_gp"]["loss_dtypes"].values()) == {"float32"}


def test_a_method_that_fails_has_its_error_and_the_others_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> Any:
        raise RuntimeError("no kernel image is available")

    few = [case for case in training_cases(CONFIG) if case.name in ("pix2pix", "synthesis_judge")]
    few[0] = replace(few[0], start=broken)
    monkeypatch.setattr(check, "training_cases", lambda config: few)
    assert not run_check(CONFIG, options(tmp_path))
    by_name = {row["name"]: row for row in rows(tmp_path, "parity")}
    assert by_name["pix2pix"]["error"] == "RuntimeError: no kernel image is available"
    assert by_name["synthesis_judge"]["same"]
    assert "- stain: pix2pix: RuntimeError: no kernel image is available" in (tmp_path / "gpu.md").read_text()


def test_what_was_not_measured_for_lack_of_time_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [case for case in training_cases(CONFIG) if case.name in ("source_classifier", "synthesis_judge")]
    monkeypatch.setattr(check, "training_cases", lambda config: few)
    assert run_check(CONFIG, options(tmp_path, seconds=1e-6))
    text = (tmp_path / "gpu.md").read_text()
    assert "Not measured, because the time of the part was used up: source_classifier, synthesis_judge." in text


def small_case() -> TrainingCase:
    (case,) = (case for case in training_cases(CONFIG) if case.name == "synthesis_judge")
    return case.changed(check.TINY | {"batch": 16}, check.TINY_SIZE)


def test_a_batch_that_does_not_fit_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def measure(case: TrainingCase, *args: Any) -> dict[str, Any]:
        measured.append(case.batch)
        if case.batch > 4:
            raise torch.cuda.OutOfMemoryError
        return {}

    monkeypatch.setattr(speed, "_measure", measure)
    machine, effort = Machine("cpu", 1, tmp_path), Effort(0, 0.0, 1)
    assert speed_row(small_case(), DEFAULT, machine, effort) == {
        "variant": "float32, TF32", "batch": 4, "out_of_memory": [16, 8],
    }  # fmt: skip
    assert measured == [16, 8, 4]
    monkeypatch.setattr(speed, "_measure", lambda *args: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError()))
    assert check._measured(lambda case: speed_row(case, DEFAULT, machine, effort), small_case()) == {
        "error": "out of memory with the smallest batch"
    }


def test_the_projection_counts_the_trainings_of_the_workflow(tmp_path: Path) -> None:
    project, sources = Project(tmp_path), {}
    for name in ("mendeley", "tcia"):
        (tmp_path / f"{name}.zip").touch()
        sources[name] = {"origin": "local", "archive": f"{name}.zip"}
    (tmp_path / "local.yaml").write_text(yaml.safe_dump({"sources": sources}))
    planned: Counter[tuple[str, str]] = Counter()
    for rule, wildcards in project.jobs("all", "experiments", overlays=("local.yaml",)):
        values = dict(part.split("=") for part in wildcards.split(", ") if part)
        if rule == "source_classifier":
            planned[rule, rule] += 2  # without and with colour augmentation
        elif rule in ("stain_fit", "synthesis_fit", "synthesis_judge"):
            planned[rule, values.get("generator") or (values["normalizer"] if rule == "stain_fit" else rule)] += 1
        elif rule == "classify_fit":
            planned[rule, CONFIG.classify.experiments[values["experiment"]].model] += 1
    assert trainings_by_case(CONFIG) == planned


def test_the_projection_multiplies_steps_and_batches() -> None:
    cases = {(case.rule, case.name): case for case in training_cases(CONFIG)}
    case = cases["stain_fit", "wcyclegan_gp"]
    row = {"rule": case.rule, "name": case.name, "variant": DEFAULT.name, "batch": 4, "step_s": 0.1, "memory_mib": 9.0}
    (projected,) = projection([case], [row], CONFIG)
    assert projected["hours"] == pytest.approx(150_000 * 2 * 0.1 / 3600)  # half the batch: twice the steps
    assert (projected["runs"], projected["reported"]) == (2, "10h36m")
    assert rule_demands([projected]) == {"stain_fit": {"hours": projected["hours"], "memory_mib": 9.0}}
    assert projection([case], [{**row, "variant": "bf16"}], CONFIG) == []
    fewshot = cases["synthesis_fit", "fewshot_meta"]
    plain = fewshot.settings.plain
    adaptation = plain["adapt_steps"] + plain["snapshots"] * plain["snapshot_adapt_steps"]
    assert fewshot.steps == 20_000 + 3 * adaptation / plain["inner_steps"]
    assert reported_time(fewshot, "thesis") == "5h11m"
    assert reported_time(fewshot, "none") is None
    assert reported_time(case, "none") is None


def test_roles_are_those_of_the_thesis_whatever_classes_the_config_lists() -> None:
    assert CELL_TYPES == CLASSES
    roles = full_roles(RolesConfig())
    assert full_roles(RolesConfig(rich=("hairy_cell",), rare=("blast",))) == roles
    assert full_roles(RolesConfig(rich=("platelet",))).rich == ("platelet",)
    assert roles.enough == ("neutrophil",)


def test_a_real_training_goes_on_at_the_second_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [case for case in training_cases(CONFIG) if case.name == "c_wgan_gp"]
    monkeypatch.setattr(check, "training_cases", lambda config: few)
    monkeypatch.setattr(check, "SHARES", dict.fromkeys(check.SHARES, 0.0))
    step = ConditionalTraining.step

    def stop_at_seven(self: Any) -> Any:
        if self.runtime.step == 7:
            os.kill(os.getpid(), signal.SIGTERM)  # as the timer does when the time is over
        return step(self)

    monkeypatch.setattr(ConditionalTraining, "step", stop_at_seven)
    done = []
    for _ in range(2):
        assert run_check(CONFIG, options(tmp_path, train="c_wgan_gp"))
        (row,) = rows(tmp_path, "training")
        done.append(row["steps_done"])
        assert set(row["losses"]) >= {"critic", "adversarial"}
        assert row["trained_images_per_s"] > 0
        assert row["drawn_images_per_s"] > 0
    assert done == [7, row["steps"]]
    assert (tmp_path / "training" / "sheet.png").stat().st_size > 1000


def test_the_flow_is_trained_at_a_size_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = (case for case in training_cases(CONFIG) if case.name == "flow")
    small = case.changed(check.TINY | {"steps": 4, "sampling_steps": 2}, check.TINY_SIZE)
    monkeypatch.setattr(check, "training_cases", lambda config: [small])
    monkeypatch.setattr(check, "SHARES", dict.fromkeys(check.SHARES, 0.0))
    monkeypatch.setattr(check, "RENDERED_PER_CLASS", 3)
    assert run_check(CONFIG, replace(options(tmp_path, train="flow"), tiny=False, train_size=24))
    (row,) = rows(tmp_path, "training")
    assert (row["steps_done"], set(row["losses"])) == (4, {"velocity"})
    assert row["trained_images_per_s"] > 0
    assert row["drawn_images_per_s"] > 0
    with Image.open(tmp_path / "training" / "sheet.png") as sheet:
        assert sheet.size == (24 * real_training.SHEET_COLUMNS, 24 * len(full_roles(CONFIG.synthesis.roles).rich))
    assert "drawn images/s" in (tmp_path / "gpu.md").read_text()


def test_the_timer_ends_a_training_as_a_cluster_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with real_training._stopped_after(0.01):
        time.sleep(600)
    with pytest.raises(SystemExit), real_training._stopped_after(3600):
        sys.exit(1)
    assert signal.getsignal(signal.SIGTERM) == before


def test_images_are_read_from_a_folder_a_class(tmp_path: Path) -> None:
    for name in ("monocyte/a.png", "basophil/b.png", "basophil/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (200, 150), "pink").save(tmp_path / name)
    (tmp_path / "monocyte" / "notes.txt").write_text("none")
    images = read_images(tmp_path, 16, PixelConfig())
    assert images.pixels.shape == (3, 16, 16, 3)
    assert images.labels.tolist() == ["basophil", "basophil", "monocyte"]
    (tmp_path / "monocyte" / "._a.png").write_bytes(b"a resource fork")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "b.png").write_bytes(b"a resource fork")
    Image.new("RGB", (40, 40), "pink").save(tmp_path / "monocyte" / "c.webp")
    Image.new("RGB", (40, 40), "pink").save(tmp_path / "monocyte" / "d.BMP")
    assert len(read_images(tmp_path, 16, PixelConfig()).labels) == 5
    (tmp_path / "monocyte" / "a.png").write_text("no image")
    with pytest.raises(InputError, match=r"a\.png: cannot be read"):
        read_images(tmp_path, 16, PixelConfig())
    with pytest.raises(InputError, match="has no folders with images"):
        read_images(tmp_path / "monocyte", 16, PixelConfig())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": "c_wgan"}, "--train c_wgan: is no generator that learns .* Choose one of .*c_wgan_gp"),
        ({"train": "fewshot_meta"}, "--train fewshot_meta: is no generator that learns"),
        ({"train": "c_wgan_gp", "images": Path("nowhere")}, "nowhere: has no folders with images"),
    ],
)
def test_a_wrong_real_training_is_refused_before_anything_is_measured(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run_check(CONFIG, options(tmp_path / "gpu", **changed))
    assert not (tmp_path / "gpu").exists()


def test_images_of_other_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "images" / "smudge_cell").mkdir(parents=True)
    Image.new("RGB", (200, 200), "pink").save(tmp_path / "images" / "smudge_cell" / "a.png")
    with pytest.raises(InputError, match=r"are of no rich class.*such as basophil"):
        run_check(CONFIG, options(tmp_path / "gpu", train="c_wgan_gp", images=tmp_path / "images"))


def test_a_training_without_time_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [case for case in training_cases(CONFIG) if case.name == "c_wgan_gp"]
    monkeypatch.setattr(check, "training_cases", lambda config: few)
    assert run_check(CONFIG, options(tmp_path, train="c_wgan_gp", seconds=0.0))
    parts = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert {part["part"]: part["not_measured"] for part in parts}["training"] == ["c_wgan_gp"]


def test_a_training_that_is_stopped_before_its_first_step_has_done_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = (case for case in training_cases(CONFIG) if case.name == "c_wgan_gp")
    small = case.changed(check.TINY, check.TINY_SIZE)
    images = real_training.rendered_images(("basophil", "monocyte"), 10, small.size, 1)
    what = real_training.RealTraining(small, CONFIG.synthesis.roles, images, "32", tmp_path)
    monkeypatch.setattr(GeneratorSpec, "build", lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGTERM))
    row = real_training.training_row(what, Machine("cpu", 1, tmp_path), 3600)
    assert (row["steps_done"], row["losses"]) == (0, {})


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_command_prints_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], passed: bool, code: int
) -> None:
    def run(config: Any, chosen: CheckOptions) -> bool:
        assert (chosen.device, chosen.tiny, chosen.train, chosen.train_size) == ("cpu", True, None, 64)
        (chosen.into / "gpu.md").write_text("# The card")
        return passed

    monkeypatch.setattr(check, "run_check", run)
    arguments = ["--device", "cpu", "--tiny", "--train", "none", "--configfile", str(ROOT / "config.yaml")]
    assert main(["check-gpu", *arguments, "--into", str(tmp_path)]) == code
    assert capsys.readouterr().out == "# The card\n"


def test_without_a_gpu_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["check-gpu"]) == 1
    assert capsys.readouterr().err == (
        "device cuda: PyTorch finds no GPU on this machine. Use a machine with a GPU, or try the check with "
        "--device cpu --tiny.\n"
    )
    assert not list(tmp_path.iterdir())


def test_overlays_are_merged_and_a_missing_one_is_named(tmp_path: Path) -> None:
    overlay = tmp_path / "more.yaml"
    overlay.write_text("stain: {normalizers: {wcyclegan_gp: {width: 8}, vahadane: null}}\n")
    normalizers = read_config([ROOT / "config.yaml", overlay]).stain.normalizers
    assert normalizers["wcyclegan_gp"].method_settings("stain").plain["width"] == 8
    assert "vahadane" not in normalizers
    assert "macenko" in normalizers
    with pytest.raises(InputError, match=r"absent\.yaml: does not exist"):
        read_config([tmp_path / "absent.yaml"])
