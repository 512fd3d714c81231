"""The answer of the scarcity experiment in one sentence."""

from collections.abc import Mapping
from typing import Any

from hemabalance.report.cells import counted, with_interval
from hemabalance.report.scarcity.preliminary import ENOUGH_DRAWS, ENOUGH_SEEDS, is_preliminary
from hemabalance.report.scarcity.results import RARE_F1, ScarcityResults
from hemabalance.report.verdict import verdict


def answer(results: ScarcityResults) -> dict[str, Any]:
    """The synthesis that was chosen beforehand less the line to beat, in rare-class macro-F1 at the smallest n.

    Returns:
        JSON values `sentence, note` (which recipes it is about), `numbers` (what the intervals are over), `verdict`
        (`report.verdict.verdict`), `preliminary, n, synthesis, line, value, low, high, draws, seeds, test_images`.
    """
    arms, n = results.arms, results.ns[0]
    synthesis, line = results.groups[arms.synthesis[0], n], results.groups[arms.line, n]
    difference = synthesis.less(line, RARE_F1)
    content = {
        "verdict": verdict(difference),
        "preliminary": is_preliminary(synthesis.draws, synthesis.seeds),
        "n": n,
        "synthesis": synthesis.recipe,
        "line": line.recipe,
        "value": difference.value,
        "low": difference.low,
        "high": difference.high,
        "draws": synthesis.draws,
        "seeds": synthesis.seeds,
        "test_images": synthesis.images,
    }
    return {"sentence": _sentence(content), "note": _note(results), "numbers": _numbers(results), **content}


def _sentence(content: Mapping[str, Any]) -> str:
    return (
        f"{'Preliminary: at' if content['preliminary'] else 'At'} n = {content['n']} training images of each scarce "
        f"class, the rare-class macro-F1 of the synthesis chosen beforehand ({content['synthesis']}) less that of the "
        f"line to beat ({content['line']}) is {with_interval(content, 3, is_signed=True)}, "
        f"{counted(content['draws'], 'draw')} x {counted(content['seeds'], 'initialisation')}, "
        f"{counted(content['test_images'], 'real test image')}: {content['verdict']}."
    )


def _note(results: ScarcityResults) -> str:
    names = ", ".join(results.arms.synthesis)
    return (
        f"Recipes with synthetic images: {names}. The sentence is about the first of them, and about the smallest n; "
        "both, and the line to beat, are fixed before the test images are seen. An answer is preliminary below "
        f"{ENOUGH_DRAWS} draws of the n images or {ENOUGH_SEEDS} initialisations of each."
    )


def _numbers(results: ScarcityResults) -> str:
    classes = ", ".join(label.replace("_", " ") for label in results.arms.classes)
    return (
        f"Scarce classes: {classes}. Test images: {results.ceiling.images:,} real ones, the same for all recipes. 95 % "
        "intervals by a bootstrap that draws draws, seeds and test images; the column intervals over says which of "
        "them vary in a row: with one draw, the interval says nothing about other draws of the n images."
    )
