"""What was found out, as text for people."""

from collections.abc import Iterator, Sequence

from hemabalance.survey.colours import distance_text
from hemabalance.survey.outlook import FEWEST_TRAINED, RECALL, WIDEST, ClassOutlook
from hemabalance.survey.scale import pixel_size
from hemabalance.survey.survey import Survey
from hemabalance.survey.surveyed import SurveyedLaboratory

_MOST_NAMED = 5
_WHOLE_FIELD = 1500
"""Side in pixels from which a picture is likely to show a field of the smear, not a single cell."""


def summary_lines(found: Survey) -> Iterator[str]:
    """The lines to print."""
    for laboratory in found.laboratories:
        yield from _laboratory(laboratory, found.min_side)
    if found.preset:
        yield f"These are the archives of the preset {found.preset}."
        yield ""
    yield from _stains(found)
    yield from _copies(found)
    yield ""
    yield from _classes(found.outlooks)


def _laboratory(laboratory: SurveyedLaboratory, min_side: int) -> Iterator[str]:
    listed, found, sample = laboratory.listed, laboratory.found, laboratory.sample
    others = ", ".join(f"{count} {suffix}" for suffix, count in listed.others.most_common(_MOST_NAMED))
    beside = [f"{counted(listed.junk, 'file')} of operating systems ignored"] if listed.junk else []
    beside += [f"other files: {others}"] if others else []
    yield f"{laboratory.name} ({listed.given}): {counted(len(listed.images), 'image')}" + "".join(
        f"; {text}" for text in beside
    )
    groups = f"; {len(set(found.groups.values()))} patients or slides" if found.groups else ""
    yield f"  labels: {found.how}; {len(found.counts)} different ones{groups}"
    yield from (f"  note: {note}" for note in found.notes)
    low, high = int(sample.sides.min()), int(sample.sides.max())
    scale = pixel_size(sample.red_cells, float(sample.sides.mean()))
    size = f"{low} pixels" if low == high else f"{low} to {high} pixels"
    pitch = f", about {scale:.2f} micrometres a pixel" if scale else ""
    yield f"  {counted(len(sample.members), 'image')} decoded: shorter side {size}{pitch}; {laboratory.field.reason}"
    for reason, count in sample.unreadable.most_common(_MOST_NAMED):
        yield f"  note: {count} of these images cannot be read: {reason}"
    if low < min_side:
        yield f"  note: images smaller than {min_side} pixels are refused by default; pixels.min_side is lowered"
    if low > _WHOLE_FIELD:
        yield "  note: such large pictures may show whole fields; this workflow expects one cell in the middle of each"
    yield ""


def _stains(found: Survey) -> Iterator[str]:
    if len(found.laboratories) == 1:
        yield "One laboratory: there is no other stain to normalise."
        return
    yield "Colours (CIELAB distance of the mean colours; 2 can just be seen):"
    for pair in found.distances:
        far = ": stains far apart" if pair.far else ""
        yield f"  {distance_text(pair)}{far}"


def _copies(found: Survey) -> Iterator[str]:
    copies = found.copies
    labels = {lab.name: lab.class_of_image for lab in found.laboratories}
    across = [group for group in copies.identical if len({name for name, _ in group}) > 1]
    torn = [group for group in copies.identical if len({labels[name].get(image) for name, image in group}) > 1]
    extra = sum(len(group) - 1 for group in copies.identical)
    yield f"Copies: {counted(extra, 'file')} with the bytes of another one" + _examples(copies.identical)
    if across:
        yield f"  {counted(len(across), 'photograph')} in several laboratories" + _examples(across)
    if torn:
        yield (
            f"  {counted(len(torn), 'photograph')} with different labels; the workflow sets all of their copies aside"
            + _examples(torn)
        )
    if copies.alike:
        yield f"  in other bytes in several laboratories: {counted(len(copies.alike), 'photograph')}" + _examples(
            copies.alike
        )
    if len(found.laboratories) > 1:
        yield f"  (other copies across laboratories were looked for among {copies.compared} images only, not among all)"
    for name in copies.not_compared:
        yield f"  ({name}: not compared, too large to be read here; the workflow compares everything)"


def counted(number: int, what: str) -> str:
    """A number with its noun in singular or plural."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _examples(groups: Sequence[Sequence[tuple[str, str]]]) -> str:
    shown = [" = ".join(_short(name, image) for name, image in group[:3]) for group in groups[:2]]
    return f": {'; '.join(shown)}{' …' if len(groups) > len(shown) else ''}" if groups else ""


def _short(name: str, image: str) -> str:
    """An image by its laboratory and the last two parts of its path."""
    return "/".join((name, *image.split("/")[-2:]))


def _classes(outlooks: Sequence[ClassOutlook]) -> Iterator[str]:
    width = max(len("class"), *(len(outlook.name) for outlook in outlooks))
    yield f"{'class':{width}}  images  test  a recall of {RECALL:g} would be known as"
    for outlook in outlooks:
        yield f"{outlook.name:{width}}  {outlook.total:>6}  {outlook.test:>4}  {_interval(outlook)}"
    measured = [outlook.name for outlook in outlooks if outlook.too_small_to_measure]
    learnt = [outlook.name for outlook in outlooks if outlook.too_small_to_learn]
    single = [outlook.name for outlook in outlooks if outlook.one_group]
    if measured:
        yield f"Too small to be measured (an interval wider than {WIDEST:g}): {', '.join(measured)}"
    if learnt:
        yield f"Too small to be learnt well (fewer than {FEWEST_TRAINED} training images): {', '.join(learnt)}"
    if single:
        yield f"Of one patient or slide only, so without images in training or without any in test: {', '.join(single)}"


def _interval(outlook: ClassOutlook) -> str:
    low, high = outlook.interval.low, outlook.interval.high
    if low is None or high is None:
        return "no test image"
    return f"{low:.2f} to {high:.2f} ({outlook.right} of {outlook.test} right)"
