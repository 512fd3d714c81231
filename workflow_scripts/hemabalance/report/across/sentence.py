"""The answer of the experiment across laboratories in one sentence."""

from typing import Any

from hemabalance.report.across.predictions import ALL, OTHER_HALF, UNSEEN
from hemabalance.report.across.results import AcrossResults, RowResult
from hemabalance.report.cells import number, with_interval
from hemabalance.report.verdict import verdict


def answer(results: AcrossResults) -> dict[str, Any]:
    """The accuracy of the leading row on the images of other sources, and how much better it is than the thesis's.

    Returns:
        JSON values `sentence`, about all images of other sources; `unseen`, the same on the half that no fit saw;
        `note` (which half may be used for what) and `numbers` (what the intervals are over); `source, others, leading,
        uses_other_images, seeds, thesis`; `all` and `unseen_half`: `value, low, high, n` of the leading row and
        `thesis`, `difference` (null without such a row), the same of that row and of the leading row less it, the last
        with its `verdict`.
    """
    arms, leading = results.arms, results.leading
    thesis = None if arms.thesis in (None, arms.leading) else results.rows[str(arms.thesis)]
    content = {
        "source": arms.source,
        "others": list(results.images.others),
        "leading": leading.row,
        "uses_other_images": arms.uses_other_images(leading.row),
        "seeds": len(leading.seeds),
        "thesis": arms.thesis,
        **{part: _values(leading, thesis, part) for part in (ALL, UNSEEN)},
    }
    sentences = {"sentence": _sentence(results, thesis), "unseen": _unseen(results, thesis)}
    return sentences | {"note": _note(results), "numbers": _numbers(results)} | content


def _values(leading: RowResult, thesis: RowResult | None, part: str) -> dict[str, Any]:
    values: dict[str, Any] = dict(leading.estimate(part)._asdict())
    if thesis is None:
        return values | {"thesis": None, "difference": None}
    difference = leading.less(thesis, part)
    shown = difference._asdict() | {"verdict": verdict(difference)}
    return values | {"thesis": thesis.estimate(part)._asdict(), "difference": shown}


def _sentence(results: AcrossResults, thesis: RowResult | None) -> str:
    arms, leading, others = results.arms, results.leading, results.others
    using = (
        f"using images of {others} without their labels"
        if arms.uses_other_images(leading.row)
        else f"without using any image of {others}"
    )
    return (
        f"Trained on the labels of {arms.source} alone, {leading.row} classifies "
        f"{with_interval(leading.estimate(ALL)._asdict(), 2)} of the n = {leading.numbers[ALL]:,} images of {others} "
        f"correctly, {using}{_compared(results, thesis, ALL)}."
    )


def _unseen(results: AcrossResults, thesis: RowResult | None) -> str:
    leading = results.leading
    return (
        f"Of the n = {leading.numbers[UNSEEN]:,} of them in the half that no fit saw, it classifies "
        f"{with_interval(leading.estimate(UNSEEN)._asdict(), 2)} correctly{_compared(results, thesis, UNSEEN)}."
    )


def _compared(results: AcrossResults, thesis: RowResult | None, part: str) -> str:
    """The part of a sentence about the row with the thesis's normaliser; empty without such a row."""
    if thesis is None:
        return ""
    difference = results.leading.less(thesis, part)
    return (
        f"; the thesis's normaliser ({thesis.row}) "
        f"{number(thesis.estimate(part).value, 2)}, a difference of "
        f"{with_interval(difference._asdict(), 2, is_signed=True)}: {verdict(difference)}"
    )


def _note(results: AcrossResults) -> str:
    numbers, others = results.leading.numbers, results.others
    return (
        f"The images of {others} fall into two halves by a hash. Normalisers, batch statistics and trainings under "
        f"predicted labels may see one of them (n = {numbers[OTHER_HALF]:,}), without its labels, and settings and the "
        "leading row may be chosen by it: what is measured on it, and on all images, can be too high for this reason. "
        f"No fit saw the other half (n = {numbers[UNSEEN]:,}), and nothing may be chosen by it; the workflow cannot "
        "know whether somebody did."
    )


def _numbers(results: AcrossResults) -> str:
    rows = results.rows.values()
    seeds = " or ".join(str(count) for count in sorted({len(result.seeds) for result in rows}))
    return (
        f"Means over the seeds of a row, of which there are {seeds}. 95 % intervals by a "
        "bootstrap that draws seeds and, within their class, test images; the column intervals over says which of them "
        "vary in a row: with one seed, the interval says nothing about other trainings. Differences are paired by "
        "image, and by seed where two rows have the same seeds; else their seeds are drawn independently."
    )
