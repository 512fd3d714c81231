"""Checkpoints and weights files: they are complete, and refused for another training or network."""

import json
import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from helpers.full_disk import largest_file
from helpers.small_trainings import DESCRIPTION, LABELS, SCHEDULE, TinyGan, cpu, fit
from hemabalance.errors import InputError
from hemabalance.training.batches import BalancedSampler
from hemabalance.training.checkpoint import Position, load_checkpoint, save_checkpoint, weights
from hemabalance.training.json_codec import decode, encode
from hemabalance.training.tensorfile import write_tensors
from hemabalance.training.weights import load_tensors, load_weights, read_description, save_tensors, save_weights

SHORT = replace(SCHEDULE, steps=8)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training."""
    folder = tmp_path_factory.mktemp("finished")
    fit(folder, cpu(), schedule=SHORT)
    return folder


def copy(finished: Path, folder: Path) -> Path:
    """Copy the checkpoint of a finished training to a folder where a training can resume."""
    (folder / "state").mkdir()
    for name in ("checkpoint.safetensors", "history.jsonl"):
        (folder / "state" / name).write_bytes((finished / "state" / name).read_bytes())
    return folder / "state" / "checkpoint.safetensors"


def refusal(folder: Path, **options: Any) -> str:
    path = folder / "state" / "checkpoint.safetensors"
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        fit(folder, options.pop("runtime", None) or cpu(), schedule=options.pop("schedule", SHORT), **options)
    assert path.read_bytes() == before
    return str(caught.value)


def test_everything_comes_back(tmp_path: Path) -> None:
    """All state is restored, of a new trainable and of one that has taken further steps."""
    runtime, path = cpu(), tmp_path / "checkpoint.safetensors"
    trainable = TinyGan(runtime)
    runtime.monitor.reset("test", step=1, sums={})
    for _ in range(3):
        trainable.step()
    position = Position(3, 1.5, 77, {"critic": (0.1, 2)})

    def random_values() -> list[Any]:
        samples = [sampler.next_batch().tolist() for sampler in trainable.samplers.values()]
        poses = torch.rand(2, generator=trainable.generators["poses"]).tolist()
        normal = np.random.standard_normal(3).tolist()
        return [samples, poses, random.random(), normal, np.random.random(), torch.rand(2).tolist()]

    np.random.standard_normal()  # the generator then has the second value of a pair in its state
    save_checkpoint(path, trainable, position, {}, runtime)
    before = {name: value.clone() for name, value in weights(trainable).items()}
    rates = [scheduler.get_last_lr() for scheduler in trainable.schedulers.values()]
    moments = trainable.optimizers["critic"].state_dict()["state"][0]["exp_avg"].clone()
    expected = random_values()
    for _ in range(20):
        trainable.step()
    assert random_values() != expected
    for restored in (trainable, TinyGan(cpu(seed=3))):
        assert load_checkpoint(path, restored, {}, runtime) == position
        after = weights(restored)
        assert all(torch.equal(after[name], value) for name, value in before.items())
        assert [scheduler.get_last_lr() for scheduler in restored.schedulers.values()] == rates
        state = restored.optimizers["critic"].state_dict()
        assert torch.equal(state["state"][0]["exp_avg"], moments)
        assert state["param_groups"][0]["betas"] == (0.5, 0.9)
        trainable = restored
        assert random_values() == expected


def test_same_training_same_file(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        runtime = cpu()
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        save_checkpoint(tmp_path / name, TinyGan(runtime), Position(0), {"b": 1, "a": [2]}, runtime)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_other_config_is_named(tmp_path: Path, finished: Path) -> None:
    copy(finished, tmp_path)
    other = {"method": "tiny", "size": 128, "loss": {"cycle": 5.0}, "new": None}
    message = refusal(tmp_path, description=other)
    mismatches = "loss.cycle: stored 10.0, expected 5.0; new: stored nothing, expected null; "
    assert f"was made for another config ({mismatches}" in message
    assert "size: stored 12, expected 128). Delete the folder " in message


def test_other_schedule_is_named(tmp_path: Path, finished: Path) -> None:
    copy(finished, tmp_path)
    message = refusal(tmp_path, schedule=replace(SHORT, steps=9, checkpoint_every=1))
    assert "(training.steps: stored 8, expected 9)" in message


def test_other_precision_is_named(tmp_path: Path, finished: Path) -> None:
    copy(finished, tmp_path)
    assert '(training.precision: stored "32", expected "bf16")' in refusal(tmp_path, runtime=cpu("bf16"))


def test_other_architecture_is_named(tmp_path: Path, finished: Path) -> None:
    copy(finished, tmp_path)
    message = refusal(tmp_path, width=5)
    assert "another architecture (networks/critic/0.bias: stored [4], expected [5]; " in message
    assert "and 1 more). Delete" in message


def test_other_parts_are_named(tmp_path: Path, finished: Path) -> None:
    copy(finished, tmp_path)
    runtime = cpu()
    trainable = TinyGan(runtime)
    del trainable.schedulers["generator"]
    message = refusal(tmp_path, runtime=runtime, trainable=trainable)
    assert 'schedulers: stored ["critic", "generator"], expected ["critic"]' in message


def test_other_images_are_noticed(tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy(finished, tmp_path)
    monkeypatch.setattr("helpers.small_trainings.LABELS", LABELS[::-1])
    assert "training data: the checkpoint was saved for other images" in refusal(tmp_path)


def test_refused_checkpoint_changes_nothing(tmp_path: Path, finished: Path) -> None:
    path = copy(finished, tmp_path)
    runtime = cpu()
    trainable = TinyGan(runtime)
    before = {name: value.clone() for name, value in weights(trainable).items()}
    trainable.samplers["a"] = BalancedSampler(LABELS, 3, runtime.seed, 0)
    training = {"steps": 8, "log_every": 7, "device": "cpu", "precision": "32"}
    with pytest.raises(InputError, match="another batch"):
        load_checkpoint(path, trainable, {**DESCRIPTION, "training": training}, runtime)
    assert all(torch.equal(value, before[name]) for name, value in weights(trainable).items())


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.999])
def test_truncated_checkpoint(tmp_path: Path, finished: Path, share: float) -> None:
    path = copy(finished, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    message = refusal(tmp_path)
    assert f"{path}: is damaged or no safetensors file" in message
    assert f"Delete the folder {path.parent} and run again" in message


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_one_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path, finished: Path, share: float) -> None:
    path = copy(finished, tmp_path)
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 1
    path.write_bytes(data)
    message = refusal(tmp_path)
    assert "damaged" in message
    assert f"Delete the folder {path.parent} and run again" in message


def test_a_flipped_bit_in_the_json_of_the_header_is_noticed(tmp_path: Path, finished: Path) -> None:
    path = copy(finished, tmp_path)
    data = path.read_bytes()
    assert b'\\"kind\\":' in data
    path.write_bytes(data.replace(b'\\"kind\\":', b'\\"kind\\"z', 1))
    assert f"{path}: is damaged or no safetensors file" in refusal(tmp_path)


def test_a_flipped_bit_of_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, nets(), {"size": 64})
    load_weights(path, nets(), {"size": 64})
    data = bytearray(path.read_bytes())
    data[-5] ^= 4
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"w\.safetensors: is damaged: its content does not match its sha256"):
        load_weights(path, nets(), {"size": 64})


def test_foreign_checkpoint(tmp_path: Path, finished: Path) -> None:
    path = copy(finished, tmp_path)
    save_file({"x": torch.zeros(3)}, path)
    assert "was written by another program, not checkpoint of hemabalance" in refusal(tmp_path)
    path.write_bytes((finished / "weights.safetensors").read_bytes())
    assert "contains weights, not checkpoint of hemabalance" in refusal(tmp_path)
    torch.save({"x": torch.zeros(3)}, path)
    assert "is damaged or no safetensors file" in refusal(tmp_path)


def nets(width: int = 3) -> dict[str, nn.Module]:
    torch.manual_seed(width)
    return {
        "a": nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width)),
        "b": nn.Linear(2, width).double(),
    }


def test_weights_come_back_on_any_module_as_float32(tmp_path: Path) -> None:
    path, saved, empty = tmp_path / "w.safetensors", nets(), nets()
    with torch.no_grad():
        for value in empty["a"].state_dict().values():
            value.zero_()
    save_weights(path, {"a": cpu().setup(saved["a"]), "b": saved["b"]}, {"size": 64, "name": "Größe"})
    load_weights(path, empty, {"name": "Größe", "size": 64})
    assert all(torch.equal(v, empty["a"].state_dict()[k]) for k, v in saved["a"].state_dict().items())
    stored = load_file(path)
    assert stored["b.weight"].dtype == torch.float32
    assert stored["a.1.num_batches_tracked"].dtype == torch.int64
    assert torch.equal(stored["a.0.weight"], saved["a"].state_dict()["0.weight"])
    assert read_description(path) == {"size": 64, "name": "Größe"}


def test_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, nets(), {"size": 64, "up": "resize"})
    before = {name: value.clone() for name, value in nets(4)["a"].state_dict().items()}
    wider = nets(4)
    with pytest.raises(InputError, match=r"another config \(size: stored 64, expected 128\)\. Use the config"):
        load_weights(path, nets(), {"size": 128, "up": "resize"})
    with pytest.raises(InputError, match=r"another architecture \(a\.0\.bias: stored \[3\], expected \[4\]; "):
        load_weights(path, wider, {"size": 64, "up": "resize"})
    assert all(torch.equal(value, before[name]) for name, value in wider["a"].state_dict().items())
    with pytest.raises(InputError, match=r"b\.weight: stored \[3, 2\], expected nothing"):
        load_weights(path, {"a": nets()["a"]}, {"size": 64, "up": "resize"})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"w\.safetensors: is damaged"):
        read_description(path)
    with pytest.raises(InputError, match="there is no such file"):
        load_tensors(tmp_path / "none", {})


def test_tensors_of_every_kind_come_back(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    kinds = [
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    ]
    tensors = {str(kind): base.to(kind) for kind in kinds}
    tensors |= {"turned": base.T, "shared": base, "again": base, "empty": torch.zeros(0, 3), "scalar": torch.tensor(7)}
    save_tensors(path, tensors, {"stains": ["H", "E"]})
    loaded = load_tensors(path, {"stains": ["H", "E"]})
    assert loaded.keys() == tensors.keys()
    assert all(loaded[name].dtype == t.dtype and torch.equal(loaded[name], t) for name, t in tensors.items())
    with safe_open(str(path), "pt") as opened:
        assert json.loads(opened.metadata()["hemabalance"])["description"] == {"stains": ["H", "E"]}


def test_disk_full_leaves_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, {"x": torch.zeros(1000)}, {})
    before = path.read_bytes()
    for target in (path, tmp_path / "new.safetensors"):
        with largest_file(6000), pytest.raises(InputError, match=target.name):
            save_tensors(target, {"x": torch.zeros(2000)}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.safetensors"]
    assert path.read_bytes() == before


def test_plain_values_come_back() -> None:
    value = {"lr": (0.1, [1e-300, math.inf, -math.inf]), 3: None, "d": {"tuple": True, "x": {}}, "t": (), (1, 2): "ü"}
    decoded = decode(json.loads(json.dumps(encode(value))))
    assert decoded == value
    assert isinstance(decoded["lr"], tuple)
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode(Counter({30: 1}))) == {30: 1}
    with pytest.raises(TypeError, match="cannot keep Tensor"):
        encode({"x": torch.zeros(1)})


def test_writer_is_the_librarys_format(tmp_path: Path) -> None:
    write_tensors(tmp_path / "x", {"u": torch.ones(3, dtype=torch.uint8), "f": torch.ones(2)}, "weights", {})
    data = (tmp_path / "x").read_bytes()
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    assert head["f"] == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert head["u"]["data_offsets"] == [8, 11]
    assert len(data) == 8 + length + 11
