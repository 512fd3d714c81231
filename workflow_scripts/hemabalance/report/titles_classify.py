"""What the page says above tables and figures of balanced sets and of classification."""

from hemabalance.report.classify.scored import as_share
from hemabalance.report.reported import reported

Titles = dict[str, tuple[str, str]]
"""File name -> title and note, as in `titles.Section`."""

BALANCE_NOTE = (
    "Real images after normalisation, filled up with synthetic ones to a number a class. Under leak_free, validation "
    "and test images are real and were split off before anything was trained. Under thesis everything is pooled, "
    "balanced and split afterwards, so that synthetic images stand among test images too (they are left out when "
    "classifiers are measured)."
)

BALANCE: Titles = {
    "balance_images_{protocol}.svg": (
        "Training images by class, protocol {protocol}",
        "Real ones, and synthetic ones on top; the numbers are both together.",
    ),
    "balance_counts.csv": (
        "Balanced sets by class",
        "Images by part and origin. Short: training images that the class lacks to the target, for want of synthetic "
        "images that passed the gate.",
    ),
    "balance_leaks.csv": (
        "Did anyone see a test image?",
        "What each normaliser, generator and judge of the gate was given, and what classifiers learn from: test images "
        "among it, and copies of test images. Under leak_free a single one stops the run; under thesis they are "
        "expected, and one reason why its numbers can be higher than on images never seen.",
    ),
    "balance_shortcuts.csv": (
        "What colour alone gives away",
        "Balanced accuracy, on images not trained on, of a logistic regression that sees statistics of colours of "
        "training images and nothing else. Near chance is good. Where class is told well from colour, a classifier "
        "need not look at cells; where origin is, it can tell synthetic images from real ones. In parentheses: 95 % "
        "intervals.",
    ),
}

CLASSIFY_NOTE = (
    "All numbers are measured on test images, none of them synthetic, n beside them, and are shares of 1. In "
    "parentheses, and as whiskers: 95 % intervals over test images, for one training each. Under leak_free nobody saw "
    "the test images before. Under thesis the split comes after balancing, as the thesis has it: normalisers and "
    "generators have seen the test images, and likenesses of them may be among the training images. So its numbers "
    "can be higher than on images never seen; they stand beside for comparison with the thesis alone. Columns and "
    "diamonds called reported are the thesis's figures, which come without n or intervals."
)

_BEFORE, _AFTER = (reported("classification")[kind] for kind in ("original", "balanced"))
_TEXT, _TABLE = (
    reported(key)["senet154_ge"] for key in ("classifier_training_time_in_the_text", "table24_classifier_training_time")
)

CLASSIFY: Titles = {
    "classify_models_{protocol}.svg": (
        "All models side by side, protocol {protocol} (thesis Fig. 52)",
        "Bars are measured, diamonds are reported by the thesis for its balanced set under its own protocol. Balanced "
        "accuracy is the mean sensitivity of the classes that have test images.",
    ),
    "classify_models.csv": (
        "Experiments (thesis Fig. 52)",
        "One row a training. Macro figures are means over the classes that have test images; the calibration error is "
        "that of confidences after temperature scaling. The thesis's figure for its set before normalising and "
        "balancing stands beside the recipe that is neither.",
    ),
    "classify_comparisons.csv": (
        "Experiments against each other, on the same test images",
        "Differences a less b with intervals of a paired bootstrap, and McNemar's exact test on the images that only "
        "one of the two tells right.",
    ),
    "classify_classes.svg": (
        "Each class against the rest, before and after balancing (thesis Figs. 53 and 54)",
        "n is the number of test images of the class: with few, intervals are wide. Diamonds are the figures that "
        "the thesis's prose names; its bars are lost. It also reports an overall sensitivity of "
        f"{as_share(_BEFORE['sensitivity'])} before and {as_share(_AFTER['sensitivity'])} after, and a specificity of "
        f"{as_share(_BEFORE['specificity'])} and {as_share(_AFTER['specificity'])}.",
    ),
    "classify_classes.csv": (
        "Each class against the rest",
        "Of a class without test images nothing can be estimated. The thesis's accuracy of a class is taken for that "
        "against the rest.",
    ),
    "classify_confusion_{experiment}.svg": (
        "{experiment}: which classes are taken for which",
        "Colour: share of the true class. Numbers: images, and that share.",
    ),
    "classify_ablations.svg": (
        "What each part adds (thesis Fig. 58)",
        "The first row has all parts. On the right the same as a difference on the same test images: left of the line, "
        "leaving the part out does harm.",
    ),
    "classify_ablations.csv": (
        "What each part adds, in numbers",
        "Differences are those of the row less the first row, with paired intervals.",
    ),
    "classify_classes_{experiment}.svg": (
        "{experiment}: each class, with and without the part (thesis Figs. 59 to 62)",
        "One row a class as in the figure before and after balancing, on the same test images.",
    ),
    "classify_seeds.csv": (
        "Over seeds",
        "Mean and standard deviation over trainings that differ in nothing but the seed.",
    ),
    "classify_sources.csv": (
        "By source",
        "The same classifiers on the test images of each source alone. Macro figures are over the classes that the "
        "source has.",
    ),
    "classify_yardstick.csv": (
        "How far do experts agree? Source B",
        "Part of the archive was labelled again, twice. So often does an expert agree with the label, or with another; "
        "a classifier that agrees with the label more often has learned how its labeller saw cells, which labels "
        "cannot tell from seeing better. An expert who could give no class counts as no agreement.",
    ),
    "classify_reliability.svg": (
        "Is a confidence of 0.9 right nine times in ten?",
        "On the dashed line it is; below, the classifier is too sure. One temperature for each training, fitted on "
        "validation images, rescales confidences; it changes no predicted class. The lower panels count images, on a "
        "logarithmic axis.",
    ),
    "classify_curves.svg": (
        "Training curves (thesis Fig. 51)",
        "Training images are augmented and their cross-entropy is smoothed, so that training may look worse than "
        "validation. The dashed line is at the least cross-entropy of the validation images, whose weights are kept. "
        f"Reported by the thesis for its end: accuracy {as_share(_AFTER['train_accuracy'])} in training and "
        f"{as_share(_AFTER['val_accuracy'])} in validation, losses {_AFTER['train_loss']} and {_AFTER['val_loss']}.",
    ),
    "classify_examples_{experiment}.svg": (
        "{experiment}: test images with all twelve confidences (thesis Figs. 55 and 56)",
        "Three of each class, chosen by a hash of their id, whether they were told right or not.",
    ),
    "classify_mistakes_{experiment}.svg": (
        "{experiment}: mistakes (thesis Fig. 57)",
        "Those of which it was surest.",
    ),
    "classify_cost.csv": (
        "Cost of training (thesis Table 24)",
        "The thesis's times are of another machine, for images and epochs of its own; for SENet-154-GE its text says "
        f"{_TEXT} and its table {_TABLE}.",
    ),
}
