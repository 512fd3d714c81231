"""The texts of the page in `titles.yaml`, and the rules that read them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helpers.project import ROOT, Project
from hemabalance.bookkeeping import fingerprint
from hemabalance.report import titles as module
from hemabalance.report.titles import place_of, sections

WORDS = Path(module.__file__).with_name("titles.yaml")
ENTRIES = [
    (name, file, *texts) for name, section in sections("thesis").items() for file, texts in section.titles.items()
]
FILES = [file for _, file, _, _ in ENTRIES]
NAMES = [
    {
        "protocol": "thesis",
        "normalizer": "mine",
        "generator": "yours",
        "experiment": "ours",
        "source": "a_lab",
        "pair": "",
    },
    {
        "protocol": "leak_free",
        "normalizer": "thesis_2",
        "generator": "none",
        "experiment": "classes_leak_free",
        "source": "lab_2",
        "pair": "_of_lab_3",
    },
]
"""Possible names in config."""


def test_every_entry_has_a_title_and_a_note_and_nothing_else() -> None:
    assert list(sections("thesis")) == ["counts", "stain", "synthesis", "balance", "classify", "pictures"]
    for section in yaml.safe_load(WORDS.read_text("utf-8")).values():
        assert set(section) == {"title", "note", "shown"}
        for texts in [{key: section[key] for key in ("title", "note")}, *section["shown"].values()]:
            assert set(texts) == {"title", "note"}
            assert all(isinstance(text, str) and text and text == text.strip() for text in texts.values())


def test_no_entry_is_written_twice() -> None:
    def keys(node: yaml.Node) -> Iterator[list[str]]:
        if isinstance(node, yaml.MappingNode):
            yield [key.value for key, _ in node.value]
            for _, value in node.value:
                yield from keys(value)

    found = list(keys(yaml.compose(WORDS.read_text("utf-8"), Loader=yaml.SafeLoader)))
    assert len(found) == 1 + len(sections("thesis")) * 2 + len(FILES)
    assert all(len(names) == len(set(names)) for names in found)
    assert len(FILES) == len(set(FILES))


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names["protocol"])
def test_every_title_can_be_filled_in(names: dict[str, str]) -> None:
    for order, (section, pattern, title, note) in enumerate(ENTRIES):
        place = place_of(pattern.format(**names), "thesis")
        assert (place.section, FILES[order]) == (section, list(sections("thesis")[section].titles)[place.order])
        assert not set("{}") & set(place.title + place.note)
        used = set(re.findall(r"{(\w+)}", title + note)) - {"trust_rules"}  # a text of its own, see report/titles.py
        assert used <= set(re.findall(r"{(\w+)}", pattern))
        assert all(names[key].removeprefix("_of_") in place.title + place.note for key in used)


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names["protocol"])
def test_no_file_matches_two_entries(names: dict[str, str]) -> None:
    for pattern in FILES:
        file = pattern.format(**names)
        assert [other for other in FILES if re.fullmatch(module._as_regex(other), file)] == [pattern]


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("stain_rows_leak_free_resize_2.svg", "resize_2: real, normalised, reconstructed, protocol leak_free (thesis"),
        (
            "synthesis_strips_thesis_c_wgan_gp_on_none.svg",
            "c_wgan_gp on images of none: images during training, protocol th",
        ),
        ("classify_classes_no_gather_excite.svg", "no_gather_excite: each class, with and without the part"),
        ("classify_classes.svg", "Each class against the rest, before and after balancing"),
        ("stain_fid_leak_free_of_lab_2.csv", "Distance between sets of images, protocol leak_free, source B: lab_2"),
        (
            "stain_rows_thesis_mine_2_of_lab_2.svg",
            "mine_2: real, normalised, reconstructed, protocol thesis, source B: lab_2",
        ),
        ("stain_rows_thesis_{braces}.svg", "{braces}: real, normalised"),
    ],
)
def test_names_in_a_file_name_appear_in_its_title(file: str, title: str) -> None:
    assert place_of(file, "thesis").title.startswith(title)


@pytest.mark.parametrize(
    "file", ["mine.csv", "stain_rows_mine_x.svg", "stain_rows_thesis_.svg", "stain_fid_thesis.csv.part", "counts"]
)
def test_a_file_without_an_entry_is_refused(file: str) -> None:
    with pytest.raises(KeyError, match=re.escape(f"{file} has no title in report/titles.yaml")):
        place_of(file, "thesis")


@pytest.mark.parametrize(
    ("file", "values"),
    [
        (
            "classify_classes.svg",
            "sensitivity of 0.9266 before and 0.9858 after, and a specificity of 0.9216 and 0.9821.",
        ),
        ("classify_curves.svg", "accuracy 0.998 in training and 0.987 in validation, losses 0.04 and 0.12"),
        ("classify_cost.csv", "its text says 1h20m and its table 8h03m"),
    ],
)
def test_notes_quote_values_of_the_thesis(file: str, values: str) -> None:
    assert values in place_of(file, "thesis").note


def test_without_the_preset_nothing_is_said_about_the_thesis() -> None:
    own = sections("none")
    words = [text for section in own.values() for texts in section.titles.values() for text in texts]
    words += [text for section in own.values() for text in (section.title, section.note)]
    # A protocol has the name `thesis`, and two notes say that it is the thesis's.
    allowed = re.compile(r"Under thesis|that of the thesis|as in the thesis|with the thesis only|protocol thesis")
    assert [text for text in words if re.search(r"\bthesis\b", allowed.sub("", text))] == []
    assert not any("[[" in text or "]]" in text or text != text.strip() or not text for text in words)


def test_quoted_values_are_attributed_to_the_thesis() -> None:
    notes_with_values = [note for *_, note in ENTRIES if "{reported[" in note]
    assert len(notes_with_values) == 3
    for note in notes_with_values:  # in the same sentence
        before = note.partition("{reported[")[0]
        assert re.search(r"reports|Reported by the thesis|The thesis's times", before)


def test_the_workflow_writes_exactly_the_files_that_have_an_entry(tmp_path: Path) -> None:
    project = Project(tmp_path)
    result = project.snakemake("all", "experiments", "--summary", overlays=("profiles/overlays/demo.yaml",))
    assert result.returncode == 0, result.stdout
    written = r"^results/\S+/(?:tables|figures|scale)/(\S+\.(?:csv|svg|webp))\t"
    outputs = set(re.findall(written, result.stdout, re.MULTILINE))
    assert len(outputs) > len(FILES)
    assert {
        list(sections("thesis")[place.section].titles)[place.order]
        for place in (place_of(output, "thesis") for output in outputs)
    } == set(FILES)


def shims_importing(report_module: str) -> set[str]:
    """The shims that import a module of the report, directly or indirectly."""
    module = Path(f"hemabalance/report/{report_module}.py")
    shims = [path for path in fingerprint.SCRIPTS.glob("*/*.py") if path.parent.name != fingerprint.PACKAGE]
    names = {shim: fingerprint.relative_path(shim).with_suffix("").as_posix() for shim in shims}
    return {name for shim, name in names.items() if module in dict(fingerprint.covered_files(shim))}


@pytest.mark.parametrize(
    ("name", "file", "shims"),
    [
        ("TITLES", "titles.yaml", shims_importing("titles")),
        ("TEMPLATE", "page.html", shims_importing("items")),
        ("REPORTED", "reported.yaml", shims_importing("reported")),
    ],
)
def test_files_are_inputs_of_all_rules_that_read_them(name: str, file: str, shims: set[str]) -> None:
    assert f'{name} = "workflow_scripts/hemabalance/report/{file}"' in (ROOT / "rules/common.smk").read_text()
    rules = "".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.smk")))
    rules = re.split(r"\n *rule\b", rules)[1:]
    readers = [rule for rule in rules if re.search(rf"\n +input:.*\b{name},.*\n +output:", rule, re.DOTALL)]
    assert {re.findall(r'"\.\./workflow_scripts/(\w+/\w+)\.py"', rule)[0] for rule in readers} == shims
    assert shims
