"""Scales, roles, intervals, the run to start, and values as YAML."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from hemabalance.config.roles import RolesConfig
from hemabalance.metrics.intervals import wilson
from hemabalance.metrics.red_cells import Diameter
from hemabalance.survey.next_run import next_run
from hemabalance.survey.outlook import class_outlooks, proposed_roles
from hemabalance.survey.proposal import scalar
from hemabalance.survey.sampling import SAMPLED, chosen_images
from hemabalance.survey.scale import pixel_size, proposed_fields

ROOT = Path(__file__).resolve().parents[3]


def diameter(median: float, n: int = 100, half: float = 0.005) -> Diameter:
    return Diameter(n, median, median - half, median + half)


def test_fields_bring_all_laboratories_to_the_largest_red_cells() -> None:
    none = Diameter(0, math.nan, math.nan, math.nan)
    fields = proposed_fields(
        {"a": diameter(0.2), "b": diameter(0.25), "c": none, "d": diameter(0.245), "e": diameter(0.05)}
    )
    assert {name: field.value for name, field in fields.items()} == {"a": 0.8, "b": 1, "c": 1, "d": 1, "e": 0.3}
    assert [field.measured for field in fields.values()] == [True, True, False, True, True]
    assert "not measurable: no red cells" in fields["c"].reason
    assert "0.25 in b" in fields["a"].reason
    assert "less than allowed" in fields["e"].reason


def test_a_difference_within_the_intervals_is_none() -> None:
    fields = proposed_fields({"a": diameter(0.22, 12, 0.04), "b": diameter(0.25)})
    assert fields["a"].value == 1


def test_one_laboratory_keeps_its_frame() -> None:
    assert proposed_fields({"a": diameter(0.2)})["a"].value == 1


def test_size_of_a_pixel() -> None:
    assert pixel_size(diameter(0.2), 350) == pytest.approx(0.1)
    assert pixel_size(diameter(0.2, n=3), 350) is None


def test_outlook_of_classes() -> None:
    labelled = {
        "a": {f"{n}": "blast" for n in range(60)},
        "b": {f"{n}": "blast" for n in range(40)} | {f"r{n}": "rare" for n in range(10)},
    }
    groups = {"b": dict.fromkeys(labelled["b"], "p1")}
    blast, rare = class_outlooks(labelled, groups, test_share=0.3)
    assert (blast.total, blast.test, blast.right) == (100, 30, 27)
    assert blast.interval == wilson(27, 30)
    assert (blast.too_small_to_learn, blast.too_small_to_measure, blast.one_group) == (False, False, False)
    assert (rare.test, rare.too_small_to_learn, rare.too_small_to_measure, rare.one_group) == (3, True, True, True)


def test_a_class_without_test_images_cannot_be_measured() -> None:
    (only,) = class_outlooks({"a": {"1": "blast"}}, {}, test_share=0.3)
    assert (only.test, only.too_small_to_measure) == (0, True)


@pytest.mark.parametrize(
    "counts",
    [
        {"a": 8000, "b": 2000, "c": 40},
        {"a": 300, "b": 60, "c": 12, "d": 11},
        {"a": 12, "b": 8},
        {"a": 9000, "b": 8000},
        {"a": 5, "b": 2, "c": 1},
        {"a": 20_000, "b": 50},
    ],
)
def test_roles_leave_rich_classes(counts: dict[str, int]) -> None:
    roles = proposed_roles(counts, RolesConfig())
    assert roles.rare_below <= roles.rich_from
    rich = [name for name, count in counts.items() if roles.rare_below <= 0.9 * count and count < roles.enough_from]
    assert len(rich) >= min(2, sum(count >= 3 for count in counts.values()))


def test_usual_roles_are_kept_where_they_suit() -> None:
    assert proposed_roles({"a": 3000, "b": 2000, "c": 30}, RolesConfig()) == RolesConfig()


@pytest.mark.parametrize(
    ("images", "gpu", "overlay"),
    [(140, True, "demo"), (140, False, "demo"), (5000, False, "sample"), (700, True, "sample"), (5000, True, None)],
)
def test_run_to_start(images: int, gpu: bool, overlay: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    run = next_run(images, "my run.yaml", gpu=gpu)
    assert run.overlay == overlay
    assert run.command.endswith(" 'my run.yaml'")
    assert ("--resources gpu=1" in run.command) == (overlay is None)
    assert run.base["run"] == (overlay or "full")
    for file in run.command.partition("--configfile ")[2].split(" ")[:-2]:
        assert Path(file).exists()


@pytest.mark.parametrize(
    "value",
    [
        "Blasts", "Seg. neutrophils", "no", "NULL", "1", "1e3", "0x1F", "12:30", "2022-01-01", "a: b", "a #b", "#", "-",
        "?", "'", '"', "it's", "ünï", "粒细胞", "😀", "a\nb", "\x07", " ", "", "a ", "{x}", "[x", "*a", "&a", "!a", "%",
        "@", "`", r"(?:^|/)(?P<label>[A-Z]+)_\d+", "~", "=", "<<", None, ["a", "b c", "no"], {"a": "x: y"}, True, 3,
    ],
)  # fmt: skip
def test_values_as_yaml(value: object) -> None:
    assert yaml.safe_load(f"{scalar('key')}: {scalar(value)} # comment") == {"key": value}
    assert "\n" not in scalar(value)
    if isinstance(value, str):
        assert yaml.safe_load(f"{scalar(value)}: 1") == {value: 1}


def test_every_label_is_sampled() -> None:
    images = [f"a/{n:05d}" for n in range(5000)] + ["b/1", "b/2"] + [f"c/{n:03d}" for n in range(300)]
    chosen = chosen_images(images, {image: image[0] for image in images})
    counts = {label: sum(image[0] == label for image in chosen) for label in "abc"}
    assert counts["b"] == 2
    assert counts["a"] == counts["c"] == (SAMPLED - 2) // 2
    assert len(set(chosen)) == len(chosen) <= SAMPLED
    places = np.array([int(image[2:]) for image in chosen if image[0] == "a"])
    assert places[0] == 0
    assert places[-1] == 4999
