"""What the page shows, in order, and what it says above each table and figure."""

import re
from dataclasses import dataclass
from typing import get_args

from hemabalance.protocols import Protocol
from hemabalance.report.titles_classify import BALANCE, BALANCE_NOTE, CLASSIFY, CLASSIFY_NOTE

_WILDCARDS = {
    "{protocol}": f"(?P<protocol>{'|'.join(get_args(Protocol))})",
    "{normalizer}": "(?P<normalizer>.+)",
    "{generator}": "(?P<generator>.+)",
    "{experiment}": "(?P<experiment>.+)",
}
_SMALL_SETS = (
    "A FID of so few images is biased upwards: compare within the table only, and read it beside KID, which is "
    "unbiased but scatters (spread: standard deviation over subsets of the images). "
)
_UNEVEN = (
    "FID falls with the number of images: compare rows of like numbers only, and read it beside KID, which does not. "
)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        note: below it.
        titles: file name, in which `{protocol}`, `{normalizer}`, `{generator}` and `{experiment}` stand for any ->
            title and note, in which they are filled in.
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
    "synthesis": Section(
        "Synthesis",
        "Generators make images of classes that lack them: rich ones from many real images, rare ones from few. What "
        "they make is compared with real test images, whether it passed the gate or not. Real training images in place "
        "of generated ones are the floor: no generator can be expected to come nearer. The nearest image is sought "
        "among training images; there, and for agreement, the floor is real test images. Under thesis no image is held "
        "back: distances are to training images, and there is no floor. In parentheses: 95 % intervals.",
        {
            "synthesis_sheet_{protocol}_{generator}_on_{normalizer}.svg": (
                "{generator} on images of {normalizer}: real, as drawn, accepted, protocol {protocol} (thesis Fig. 47)",
                "Of each class: real images, chosen by a hash; the first draws in the order of their latents, nothing "
                "left out, framed those that the gate refused; and the first that it accepted.",
            ),
            "synthesis_strips_{protocol}_{generator}_on_{normalizer}.svg": (
                "{generator} on images of {normalizer}: along training, protocol {protocol} (thesis Figs. 48-50)",
                "Each row is one latent; above the columns, after how many steps or episodes.",
            ),
            "synthesis_agreement_{protocol}_{generator}_on_{normalizer}.svg": (
                "{generator} on images of {normalizer}: is the class recognised along training? Protocol {protocol}",
                "Share of images made at each point that a classifier takes for the class they were asked for. It "
                "learned from real training images alone, and no generator learned from it. Dashed: real test images.",
            ),
            "synthesis_precision_{protocol}.csv": (
                "Precision, recall, F1, and agreement of a classifier, protocol {protocol} (thesis Table 18)",
                "The thesis does not say which precision and recall it measured, so two readings stand side by side: "
                "generative precision (share of generated images within the manifold of real ones), recall (share of "
                "real ones within that of generated ones) and F1, with density and coverage; and how often an "
                "independent classifier sees the class that was asked for.",
            ),
            "synthesis_fid_{protocol}.csv": (
                "FID, KID, Inception score, LPIPS, protocol {protocol} (thesis Tables 19 and 21)",
                _UNEVEN + "The thesis's one LPIPS is two things here: between random pairs of images of a class "
                "(diversity: more is more varied; compare with the floor) and to the nearest real training image (less "
                "is more alike, and near zero a copy).",
            ),
            "synthesis_pixels_{protocol}.csv": (
                "PSNR, SSIM, L1, L2, protocol {protocol} (thesis Table 20)",
                "The thesis does not name the image that a generated one is compared with. Here it is the nearest real "
                "training image of its class by LPIPS. L1 and L2 are mean absolute and squared differences of pixels "
                "from 0 to 1. A generator that copies would score best: read it beside the share of copies.",
            ),
            "synthesis_classes_{protocol}.csv": (
                "Generators by class, protocol {protocol}",
                "As above, for each class by itself. " + _UNEVEN,
            ),
            "synthesis_gate_{protocol}.svg": (
                "What became of the draws, protocol {protocol}",
                "Each draw is counted once; the numbers are draws, those of narrow bars are left out.",
            ),
            "synthesis_gate_{protocol}.csv": (
                "The gate: accepted and refused draws, protocol {protocol}",
                "Refused for its class: an independent classifier sees another or is not sure. For the manifold: not "
                "like the real training images. For a copy: too like one of them, turned or mirrored. A draw may fail "
                "several, so the shares of reasons may sum to more than all that was refused.",
            ),
            "synthesis_pairs_{protocol}_{generator}_on_{normalizer}.svg": (
                "{generator} on images of {normalizer}: nearest training images, protocol {protocol}",
                "Generated images (left of each pair) beside the nearest real training image, the closest pairs first, "
                "with their LPIPS. Below, the same for real images that no training saw: the yardstick. Copies are "
                "framed.",
            ),
            "synthesis_memory_{protocol}.csv": (
                "Are training images repeated? Protocol {protocol}",
                "Share of images that count as copies of a training image by the gate's thresholds, and the median "
                "distance to the nearest one. Real held-back images are the yardstick: generated ones should be no "
                "nearer.",
            ),
            "synthesis_losses_{protocol}.svg": (
                "Losses of the generators, protocol {protocol}",
                "By training step or episode, unweighted.",
            ),
            "synthesis_cost_{protocol}.csv": (
                "Cost of training, protocol {protocol} (thesis Tables 17 and 22)",
                "The thesis's times are of another machine, for images and epochs of its own. Parameters are those "
                "that training changes, all networks together and each.",
            ),
        },
    ),
    "balance": Section("Balanced sets", BALANCE_NOTE, BALANCE),
    "classify": Section("Classification", CLASSIFY_NOTE, CLASSIFY),
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
