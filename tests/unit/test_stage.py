import gc
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hemabalance.bookkeeping.code_versions import FILE, note_code
from hemabalance.bookkeeping.fingerprint import SCRIPTS, code_fingerprint
from hemabalance.bookkeeping.ledger import Ledger
from hemabalance.errors import InputError
from hemabalance.files import canonical_json
from hemabalance.stage import STATE, stage

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture(autouse=True)
def _restore_global_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in THREADS:
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    root, generators = logging.getLogger(), (random.getstate(), np.random.get_state())
    level, handlers = root.level, list(root.handlers)
    yield
    random.setstate(generators[0])
    np.random.set_state(generators[1])
    root.setLevel(level)
    assert root.handlers == handlers


class Params(SimpleNamespace):
    """Params with names, and in a fixed order."""

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self).values())


def job(
    tmp_path: Path,
    *,
    seed: int = 7,
    code: str = "abc",
    log: str = "tcia",
    inputs: Sequence[Path] = (),
    **settings: object,
) -> SimpleNamespace:
    return SimpleNamespace(
        params=Params(settings=canonical_json({"seed": seed, **settings}), code=code),
        log=[str(tmp_path / f"results/demo/logs/manifest/{log}.log")],
        input=[str(path) for path in inputs],
        output=[str(tmp_path / "results/demo/manifest/tcia.parquet")],
        rule="manifest",
        threads=3,
        resources={"mem_mb": 100, "device": "cpu", "devices": 2},
    )


def fail(work: SimpleNamespace, error: BaseException) -> None:
    with stage(work) as run:
        run.state.mkdir(parents=True)
        raise error


def states(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "results/demo/.state/manifest/tcia").iterdir())


def exit_code(work: SimpleNamespace, error: Exception) -> object:
    with pytest.raises(SystemExit) as caught:
        fail(work, error)
    return caught.value.code


def test_garbage_is_not_collected_during_the_imports_of_a_job_but_afterwards(tmp_path: Path) -> None:
    program = "import gc; import hemabalance.stage; print(gc.isenabled())"
    for variables, expected in (({"HEMABALANCE_JOB": "1"}, "False"), ({}, "True")):
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), **variables}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert run.stdout.strip() == expected, run.stderr
    gc.disable()
    try:
        with stage(job(tmp_path)):
            assert gc.isenabled()
    finally:
        gc.enable()


def test_input_error_is_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = job(tmp_path)
    assert exit_code(work, InputError("a.zip", "is empty", "Fetch it again")) == 1
    for text in (capsys.readouterr().err, Path(work.log[0]).read_text()):
        assert "ERROR a.zip: is empty. Fetch it again." in text
        assert "Traceback" not in text
    assert len(states(tmp_path)) == 1


def test_another_error_is_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = job(tmp_path)
    assert exit_code(work, ZeroDivisionError("by nothing")) == 1
    for text in (capsys.readouterr().err, Path(work.log[0]).read_text()):
        assert "Rule manifest failed because of an error in the program" in text
        assert "Traceback" in text
        assert "ZeroDivisionError: by nothing" in text


def test_an_interruption_keeps_the_state(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(job(tmp_path), KeyboardInterrupt())
    assert len(states(tmp_path)) == 1


def test_success_removes_the_state_and_keeps_the_log(tmp_path: Path) -> None:
    work = job(tmp_path)
    with stage(work) as run:
        run.state.mkdir(parents=True)
        (run.state / "resume.json").write_text("{}")
        logging.getLogger("hemabalance.anything").info("half way")
    assert not run.state.exists()
    assert "INFO half way" in Path(work.log[0]).read_text()


def test_log_is_overwritten(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with stage(job(tmp_path)):
            logging.getLogger("hemabalance").info(text)
    log = Path(job(tmp_path).log[0]).read_text()
    assert "second" in log
    assert "first" not in log


def test_run_carries_settings_threads_and_state(tmp_path: Path) -> None:
    with stage(job(tmp_path, images={"size": 64}, name="Größe")) as run:
        assert run.settings == {"seed": 7, "images": {"size": 64}, "name": "Größe"}
        assert run.threads == 3
        assert run.state.parent == tmp_path / "results/demo/.state/manifest/tcia"
        assert {os.environ[name] for name in THREADS} == {"3"}


def test_state_belongs_to_settings_code_and_job(tmp_path: Path) -> None:
    works = [job(tmp_path), job(tmp_path, size=1), job(tmp_path, code="abd"), job(tmp_path, log="mendeley")]
    folders = []
    for work in [*works, job(tmp_path)]:
        with stage(work) as run:
            folders.append(run.state)
    assert len(set(folders)) == len(works)
    assert folders[0] == folders[-1]


def test_edited_code_is_recorded_and_has_its_own_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code_fingerprint(SCRIPTS / "dataset" / "manifest.py")
    note_code(STATE)
    started = json.loads((STATE / FILE).read_text())
    work, folders, recorded = job(tmp_path), [], []
    for edits in ({}, {"hemabalance/stage.py": "1"}, {"hemabalance/stage.py": "2"}, {"classify_fit.py": "3"}, {}):
        others = {name: [[], tree] for name, tree in edits.items()}
        (STATE / FILE).write_text(json.dumps(started | others))
        with stage(work) as run:
            folders.append(run.state)
            Path(work.output[0]).parent.mkdir(parents=True, exist_ok=True)
            Path(work.output[0]).write_text("made")
        entry = Ledger(STATE).read(work.output[0])
        assert entry is not None
        recorded.append(entry.edited)
    assert recorded == [[], ["hemabalance/stage.py"], ["hemabalance/stage.py"], [], []]
    assert len({folders[0], folders[3], folders[4]}) == 1
    assert folders[1] == folders[2] != folders[0]


def test_seed_determines_random_numbers(tmp_path: Path) -> None:
    def draws(seed: int) -> tuple[float, float]:
        with stage(job(tmp_path, seed=seed)):
            return random.random(), float(np.random.random())

    first, again, other = draws(7), draws(7), draws(8)
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_the_device_comes_from_the_resources(tmp_path: Path) -> None:
    with stage(job(tmp_path)) as run:
        assert run.device == {"device": "cpu", "devices": 2}


def test_the_state_folder_depends_on_the_data(tmp_path: Path) -> None:
    index, images = tmp_path / "images.parquet", tmp_path / "images.zip"
    folders = []
    for content, pixels in (("1", "x"), ("1", "y"), ("2", "y")):
        index.write_text(content)
        images.write_text(pixels)
        with stage(job(tmp_path, inputs=[index, images])) as run:
            folders.append(run.state)
    # An image set's index describes its zip, so the zip is not read.
    assert folders[0] == folders[1] != folders[2]


def test_inputs_are_not_hashed_for_a_rule_without_resume_points(tmp_path: Path) -> None:
    with stage(job(tmp_path, inputs=[tmp_path / "not_there.parquet"])) as run:
        assert run.threads == 3


def test_a_second_process_of_a_training_keeps_log_and_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = job(tmp_path)
    Path(work.log[0]).parent.mkdir(parents=True)
    Path(work.log[0]).write_text("text of the first process\n")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with stage(work) as run:
        run.state.mkdir(parents=True)
        logging.getLogger("hemabalance").info("text of the second process")
    assert run.state.is_dir()
    assert Path(work.log[0]).read_text().startswith("text of the first process\n")
    assert "text of the second process" in Path(work.log[0]).read_text()


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    work = job(tmp_path)
    (tmp_path / "results").write_text("no folder")
    with pytest.raises(SystemExit) as caught, stage(work):
        pass
    assert str(caught.value.code).startswith(
        f"ERROR {tmp_path}/results/demo/logs/manifest: this folder cannot be written"
    )


def test_a_changed_input_ends_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    first, output = job(tmp_path), tmp_path / "results/demo/manifest/tcia.parquet"
    with stage(first):
        output.parent.mkdir(parents=True)
        output.write_text("made")
    second = job(tmp_path, log="split", inputs=[output])
    second.output = [str(tmp_path / "results/demo/split.parquet")]
    with stage(second):
        pass
    output.write_text("mad!")
    with pytest.raises(SystemExit) as caught, stage(second):
        pass
    assert caught.value.code == 1
    assert f"{output}: is damaged or was changed: it is not what its job wrote" in caplog.text
