"""The glossary of a page: terms in one sentence each, with their source."""

from typing import NamedTuple

from hemabalance.report.verdict import EQUIVALENT


class Term(NamedTuple):
    """A term of the glossary.

    Attributes:
        name: the term.
        pattern: regular expression of the words on a page that it explains.
        text: one sentence.
        source: publication, or the part of this software that defines it.
    """

    name: str
    pattern: str
    text: str
    source: str


_HERE = "hemabalance"

GLOSSARY = (
    Term(
        "balanced accuracy",
        r"[Bb]alanced accuracy",
        "The mean over classes of the share of their test images that is recognised, so that a rare class counts as "
        "much as a frequent one.",
        "Brodersen et al. 2010, doi:10.1109/ICPR.2010.764",
    ),
    Term(
        "macro F1",
        r"[Mm]acro[ -]F1",
        "The mean over classes of F1, the harmonic mean of precision (how many images called the class are of it) and "
        "recall (how many of its images are called so).",
        "Sokolova and Lapalme 2009, doi:10.1016/j.ipm.2009.03.002",
    ),
    Term(
        "AUROC",
        r"(?i)auroc",
        "The probability that an image of the class gets a higher confidence for it than an image of another class.",
        "Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747",
    ),
    Term(
        "ECE, calibration error",
        r"ECE|[Cc]alibration",
        "Expected calibration error: the mean distance between the confidence of predictions and the share of them "
        "that is correct; 0 is perfect.",
        "Guo et al. 2017, arXiv:1706.04599",
    ),
    Term(
        "95 % interval",
        r"[Ii]nterval",
        "Values that fit the measurement: on other images of the same kind, 95 of 100 such intervals would hold the "
        "true value.",
        "Efron and Tibshirani 1993, An Introduction to the Bootstrap; Wilson 1927, doi:10.1080/01621459.1927.10502953",
    ),
    Term(
        "McNemar's test",
        r"McNemar",
        "Whether two classifiers differ, judged by the test images that only one of them classifies correctly; a small "
        "p speaks for a difference.",
        "McNemar 1947, doi:10.1007/BF02295996",
    ),
    Term(
        "reading of a difference",
        r"no difference beyond",
        f"Gain or loss if the interval excludes 0, no difference if it lies within ±{EQUIVALENT:.2f}, else open.",
        f"{_HERE}: report/verdict.py",
    ),
    Term(
        "leak_free",
        r"leak[_-]free",
        "The protocol that sets test images and all their copies aside first, so that nothing is trained on them.",
        f"{_HERE}: dataset/splits.py; Kaufman et al. 2012, doi:10.1145/2382577.2382579",
    ),
    Term(
        "protocol thesis",
        r"protocol thesis|Under thesis",
        "The protocol that balances all images first and splits afterwards, as the thesis does: results can be higher "
        "than on unseen images.",
        f"{_HERE}: dataset/splits.py",
    ),
    Term(
        "copy, near-duplicate",
        r"[Cc]opies|[Cc]opy|near.duplicate",
        "An image of the same photograph as another one, byte for byte or after cutting, turning, mirroring or "
        "compressing it.",
        f"{_HERE}: dataset/dedup.py",
    ),
    Term(
        "synthetic image",
        r"[Ss]ynthetic",
        "An image that a generator made; classifiers are measured on real images, unless a table says otherwise.",
        f"{_HERE}: synthesis/README.md",
    ),
    Term(
        "gate",
        r"\bgate\b",
        "Tests of a synthetic image before it is used: a classifier recognises its class, it lies among the "
        "real images, and it copies none of them.",
        f"{_HERE}: synthesis/README.md",
    ),
    Term(
        "rich and rare classes",
        r"\b[Rr]are\b|\brich\b",
        "Rich classes have enough real images to train a generator on them alone; rare ones are learned from few "
        "images with the help of the rich ones.",
        f"{_HERE}: synthesis/README.md",
    ),
    Term(
        "stain normalisation",
        r"[Nn]ormali[sz]",
        "Changing the colours of a photograph to those of another laboratory, without changing what it shows.",
        "Reinhard et al. 2001, doi:10.1109/38.946629; Macenko et al. 2009, doi:10.1109/ISBI.2009.5193250",
    ),
    Term(
        "FID",
        r"\bFID\b|\bfid\b",
        "Fréchet Inception distance between two sets of images; lower is more alike, and it falls with the number of "
        "images.",
        "Heusel et al. 2017, arXiv:1706.08500",
    ),
    Term(
        "KID",
        r"\bKID\b|\bkid\b",
        "Kernel Inception distance, as FID but independent of the number of images on average.",
        "Bińkowski et al. 2018, arXiv:1801.01401",
    ),
    Term(
        "Inception score",
        r"[Ii]nception score",
        "How distinct and how varied a network trained on everyday photographs finds the images.",
        "Salimans et al. 2016, arXiv:1606.03498",
    ),
    Term(
        "LPIPS",
        r"LPIPS|lpips",
        "Distance between two images in the features of a network, close to what people see; 0 is the same image.",
        "Zhang et al. 2018, arXiv:1801.03924",
    ),
    Term(
        "SSIM, PSNR",
        r"SSIM|PSNR|ssim|psnr",
        "Likeness of two images pixel by pixel: in structure (SSIM, 1 is the same), and in error (PSNR, higher is "
        "more alike).",
        "Wang et al. 2004, doi:10.1109/TIP.2003.819861",
    ),
    Term(
        "generative precision and recall",
        r"[Gg]enerative precision",
        "The share of generated images among real ones, and the share of real images that generated ones reach.",
        "Kynkäänniemi et al. 2019, arXiv:1904.06991",
    ),
    Term(
        "seed",
        r"\bseeds?\b",
        "The number from which all random choices of a training follow; trainings that differ only in it show how much "
        "of a result is chance.",
        "Bouthillier et al. 2021, arXiv:2103.03098",
    ),
)
"""Terms that pages use, in the order in which readers meet them."""
