"""What the page shows, in order, and what it says above each table and figure."""

import re
from dataclasses import dataclass
from typing import get_args

from hemabalance.dataset.splits import Protocol

_WILDCARDS = {"{protocol}": f"(?P<protocol>{'|'.join(get_args(Protocol))})", "{normalizer}": "(?P<normalizer>.+)"}
_SMALL_SETS = (
    "A FID of so few images is biased upwards: compare within the table only, and read it beside KID, which is "
    "unbiased but scatters (spread: standard deviation over subsets of the images). "
)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        note: below it.
        titles: file name, in which `{protocol}` and `{normalizer}` stand for any -> title and note, in which they
            are filled in.
    """

    title: str
    note: str
    titles: dict[str, tuple[str, str]]


SECTIONS = {
    "counts": Section(
        "Counts",
        "What the archives hold, what was set aside, and what is left.",
        {
            "statuses.csv": (
                "What became of every archive member",
                "One row a source; every member of the archives is counted once.",
            ),
            "collected_mendeley.csv": ("Images in source A (thesis Table 2)", "By class folder."),
            "collected_tcia.csv": ("Images in source B (thesis Table 3)", "By the archive's folder codes."),
            "removed_tcia.csv": (
                "Images of source B that were set aside (thesis Table 4)",
                "The thesis had an expert remove images and the list is lost; ours are what software can prove, plus "
                "data/exclusions.csv.",
            ),
            "removed_mendeley.csv": ("Images of source A that were set aside (thesis Table 5)", "As above."),
            "final_counts.csv": ("Images by final class (thesis Table 6)", "After cleaning, before any balancing."),
            "split_leak_free.csv": (
                "Split, protocol leak_free",
                "Real images are split first, copies kept together; nothing downstream sees a test image except "
                "evaluation.",
            ),
            "split_thesis.csv": (
                "Split, protocol thesis",
                "The thesis splits after balancing: every real image is in the pool here.",
            ),
            "scale.csv": (
                "Scale of the sources",
                "Median diameter of single round red cells as a share of the frame, with a 95 % interval. field is the "
                "part of the frame that this run uses; field for one scale would show red cells of all sources equally "
                "large.",
            ),
        },
    ),
    "stain": Section(
        "Stain",
        "Normalisers bring images of one laboratory to the stain of the other. Under leak_free they learn from "
        "training images and are measured on images held back; under thesis they learned from all images, so what is "
        "measured there flatters. In parentheses: 95 % intervals.",
        {
            "stain_usefulness_{protocol}.csv": (
                "Does a classifier read source B better? Protocol {protocol}",
                "A small classifier that learned from source A alone reads source B's images of the classes it knows, "
                "brought to A's stain. The untouched rows are the baseline, and random colours in training what a "
                "sceptic would try instead of a normaliser. Gains are differences in accuracy on the same images: over "
                "raw images under the same classifier, and over raw images under the classifier with random colours.",
            ),
            "stain_truth_{protocol}.csv": (
                "How near to the true stain? Protocol {protocol}",
                "Rendered cells only: each against the same cell rendered in the other stain. delta e is CIEDE2000, "
                "averaged over pixels, and the share is what is left of that of untouched images.",
            ),
            "stain_methods_{protocol}.svg": (
                "All normalisers side by side, protocol {protocol}",
                "One image of source B a class, as it is and brought to A's stain, beside a real image of A. Look for "
                "nuclei that change shape, granules that come or go, and invented cells.",
            ),
            "stain_rows_{protocol}_{normalizer}.svg": (
                "{normalizer}: real, normalised, reconstructed, protocol {protocol} (thesis Figs. 41-46)",
                "Three images of each shared class, both ways, chosen by a hash; reconstructed: there and back again.",
            ),
            "stain_audit_{protocol}.svg": (
                "What colour alone gives away, protocol {protocol}",
                "A simple probe tells source, and class, from colour statistics. Source near chance: the stains are "
                "one. Class above that of untouched images: stain has become a hint to the label.",
            ),
            "stain_audit_{protocol}.csv": (
                "Audit of source and class, protocol {protocol}",
                "Balanced accuracy of a cross-validated logistic regression, copies kept on one side. colour: mean and "
                "deviation of each channel; colour_percentiles: those and percentiles, which also see noise and "
                "clipping; inception: Inception features. A class with too few images is left out.",
            ),
            "stain_fid_{protocol}.csv": (
                "Distance between sets of images, protocol {protocol} (thesis Table 14)",
                _SMALL_SETS + "generated: the other source's images in this domain's stain; reconstructed: this "
                "domain's own, there and back. The thesis's figures come from other sets of images.",
            ),
            "stain_ssim_{protocol}.csv": (
                "Likeness of reconstructed images, protocol {protocol} (thesis Table 15)",
                "Between each image and itself there and back. A method that changes nothing would score best here.",
            ),
            "stain_structure_{protocol}.csv": (
                "Is the structure kept? Protocol {protocol}",
                "SSIM of the green channel, where both stains absorb most, between each image and its normalised self. "
                "Degenerate images, such as a blank field, pass through unchanged and are counted.",
            ),
            "stain_cost_{protocol}.csv": (
                "Cost of fitting, protocol {protocol} (thesis Table 13)",
                "The thesis's times are of another machine, for images and epochs of its own.",
            ),
            "stain_losses_{protocol}.svg": (
                "Losses, protocol {protocol} (thesis Fig. 40)",
                "By training step, unweighted, for domains A and B. Adversarial over cycle, both weighted, is on a "
                "logarithmic axis: far above 1 the critics have outgrown the cycle loss.",
            ),
            "stain_is_{protocol}.csv": (
                "Inception score, protocol {protocol} (thesis Table 16): values near 90 cannot be one of cell images",
                "The score is at most the number of kinds of things, among ImageNet's thousand, that a set shows "
                "equally often and the network tells with certainty: near 90 would take pictures of ninety kinds.",
            ),
        },
    ),
    "pictures": Section(
        "Pictures",
        "The images themselves.",
        {
            "contact_sheet_mendeley.svg": (
                "Contact sheet, source A",
                "Kept images at the working size, chosen by a hash.",
            ),
            "contact_sheet_tcia.svg": ("Contact sheet, source B", "Kept images at the working size, chosen by a hash."),
            "copies_sheet.svg": ("Copies", "Each image that was set aside (right) beside the one that stays (left)."),
        },
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a file stands on the page, and what stands above it."""

    section: str
    order: int
    title: str
    note: str


def place_of(file: str) -> Place:
    """The place of a table or figure, by its file name.

    Raises:
        KeyError: no section lists it.
    """
    for name, section in SECTIONS.items():
        for order, (pattern, (title, note)) in enumerate(section.titles.items()):
            found = re.fullmatch(_as_regex(pattern), file)
            if found:
                return Place(name, order, title.format(**found.groupdict()), note.format(**found.groupdict()))
    raise KeyError(f"{file} has no title in report/titles.py")


def _as_regex(pattern: str) -> str:
    expression = re.escape(pattern)
    for wildcard, matches in _WILDCARDS.items():
        expression = expression.replace(re.escape(wildcard), matches)
    return expression
