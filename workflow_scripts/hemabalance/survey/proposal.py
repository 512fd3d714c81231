"""Write what was found out as a config, every guess marked by a comment."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from hemabalance.classes import class_name
from hemabalance.presets import preset
from hemabalance.survey.colours import distance_text
from hemabalance.survey.found_labels import FoundLabels
from hemabalance.survey.survey import Survey
from hemabalance.survey.surveyed import SurveyedLaboratory
from hemabalance.survey.vocabulary import ClassGuess, part_of

_PLAIN = re.compile(r"[A-Za-z/.][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def config_text(found: Survey, *, run_name: str) -> str:
    """The config that proposes a run on the laboratories, as YAML with comments.

    Args:
        found: what was found out.
        run_name: name of the run and of its folder in results/.
    """
    lines = [*_head(found), f"run: {scalar(run_name)} # results/{run_name}/"]
    lines += _of_preset(found, found.preset) if found.preset else _of_own_sources(found)
    return "\n".join(lines) + "\n"


def scalar(value: Any) -> str:
    """A value as YAML on one line, which reads as the same value."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
            return value
        if value.isprintable():
            return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key)}: {scalar(item)}' for key, item in value.items())}}}"
    if value is None:
        return "null"
    return (
        str(
            yaml.safe_dump(
                value, allow_unicode=False, width=10**6, default_style='"' if isinstance(value, str) else None
            )
        )
        .removesuffix("...\n")
        .strip()
    )


def _head(found: Survey) -> Iterator[str]:
    yield "# Proposed by `hemabalance init`. Lines with `guess` are guesses: read them and correct what is wrong. Then:"
    yield f"#   {found.run.command}"
    yield f"# ({found.run.why}.)"
    yield "# `hemabalance config sources` prints the keys of a source."


def _of_preset(found: Survey, name: str) -> Iterator[str]:
    yield f"preset: {name} # guess: the folders and files are called as in its archives; it has their classes"
    yield "sources:"
    given = {lab.published.source: lab for lab in found.laboratories if lab.published}
    for source in preset(name)["sources"]:
        if source in given:
            archive = scalar(given[source].listed.given)
            yield f"  {source}: {{origin: local, archive: {archive}}} # {len(given[source].listed.images)} images"
        else:
            yield f"  {source}: null # not given"
    if found.reference not in given:
        labelled = max(given, key=lambda source: len(given[source].found.labels))
        yield f"reference: {preset(name)['reference'] if preset(name)['reference'] in given else labelled}"


def _of_own_sources(found: Survey) -> Iterator[str]:
    yield "preset: none"
    if len(found.laboratories) > 1:
        yield f"reference: {found.reference} # guess: most labelled images; all others are brought to its stain"
        yield from (f"# Stains far apart: {distance_text(pair)}" for pair in found.distances if pair.far)
    else:
        yield "# One laboratory: there is no other stain, so every normaliser is `none`."
    yield "sources:"
    for laboratory in found.laboratories:
        yield from _source(laboratory, found)
    yield from _small_images(found)
    yield "synthesis:"
    yield "  # guess: thresholds that suit these numbers of images:"
    yield from (f"  #   {line}" for line in _counts(found))
    roles = found.roles
    yield (
        f"  roles: {{rare_below: {roles.rare_below}, rich_from: {roles.rich_from}, enough_from: {roles.enough_from}}}"
    )  # fmt: skip


def _source(laboratory: SurveyedLaboratory, found: Survey) -> Iterator[str]:
    listed, labels = laboratory.listed, laboratory.found
    yield f"  {scalar(laboratory.name)}: # {len(listed.images)} images"
    yield f"    archive: {scalar(listed.given)}"
    yield from _labels(labels)
    field = laboratory.field
    yield f"    field: {field.value} # {'guess: ' if field.measured else ''}{field.reason}"
    if not laboratory.classes:
        return
    yield "    classes:"
    counts = labels.counts
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        guess = laboratory.classes[label]
        reason = _reason(label, guess, laboratory, found)
        yield f"      {scalar(label)}: {scalar(guess.name)} # {counts[label]} images{reason}"


def _labels(labels: FoundLabels) -> Iterator[str]:
    if isinstance(labels.settings, str):
        yield f"    labels: {labels.settings} # guess: {labels.how}"
    else:
        yield f"    labels: # guess: {labels.how}"
        yield from (f"      {key}: {scalar(value)}" for key, value in labels.settings.items())
    if labels.groups:
        yield f"    # {len(set(labels.groups.values()))} patients or slides: none is in training and test at once"
    elif labels.labels:
        yield "    # No patient or slide is named: cells of one patient may be in training and in test."
    yield from (f"    # {_one_line(note)}" for note in labels.notes)


def _reason(label: str, guess: ClassGuess, laboratory: SurveyedLaboratory, found: Survey) -> str:
    if laboratory.published and label in laboratory.published.entry["classes"]:
        return f"; guess: as in preset {laboratory.published.preset}"
    if guess.name is None:
        return "; guess: names no class, left out"
    if not guess.known:
        return "; guess: not in the vocabulary, a class of its own"
    if guess.name == class_name(label):
        return ""
    return f"; guess: vocabulary{_finer(guess.name, found)}"


def _finer(name: str, found: Survey) -> str:
    """A hint where only some laboratories name a finer class that belongs to another class of the run."""
    whole = part_of(name)
    images = {outlook.name: outlook.images for outlook in found.outlooks}
    if whole is None or whole not in images or set(images[whole]) <= set(images[name]):
        return ""
    others = ", ".join(sorted(set(images[whole]) - set(images[name])))
    return f"; is it part of {whole} in {others}?"


def _small_images(found: Survey) -> Iterator[str]:
    smallest = min(int(laboratory.sample.sides.min()) for laboratory in found.laboratories)
    if smallest < found.min_side:
        side = 1 << (smallest.bit_length() - 1)
        usual = f"{found.min_side} is the least by default"
        yield f"pixels: {{min_side: {side}}} # guess: images of {smallest} pixels are there, {usual}"


def _counts(found: Survey) -> Iterator[str]:
    totals = {outlook.name: outlook.total for outlook in found.outlooks}
    roles = found.roles
    kinds: Mapping[str, list[str]] = {"rare": [], "rich": [], "enough": []}
    for name, count in Counter(totals).most_common():
        kind = "rare" if count < roles.rare_below else "enough" if count >= roles.enough_from else "rich"
        kinds[kind].append(f"{name} {count}")
    for kind, names in kinds.items():
        if names:
            yield f"{kind}: {', '.join(names)}"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
