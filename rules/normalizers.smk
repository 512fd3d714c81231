# The normalisers of the config, for rules and pages.
from snakemake.logging import logger

from hemabalance.stain.method import NormalizerSpec

NORMALIZERS = {
    name: NormalizerSpec(method=entry.method, settings=entry.method_settings("stain"))
    for name, entry in CONFIG.stain.normalizers.items()
}
# Page and protocol -> names of the compared normalisers.
COMPARED = {
    (page, protocol): PLAN.normalizers_on(page, protocol)
    for page in PLAN.pages
    for protocol in CONFIG.protocols
}
CHANGING = {
    key: [name for name in names if NORMALIZERS[name].traits.changes_images]
    for key, names in COMPARED.items()
}
TRAINED = {
    key: [name for name in names if NORMALIZERS[name].traits.trains_networks]
    for key, names in COMPARED.items()
}

_left_out = [
    name
    for name, entry in config["stain"]["normalizers"].items()
    if entry is not None and name not in NORMALIZERS
]
if workflow.is_main_process and "--lint" not in sys.argv:
    if not OTHER_SOURCES:
        logger.info("One source: no stain normalisation.")
    elif _left_out:
        logger.info(
            f"Left out of stain.normalizers: {', '.join(_left_out)}. Paired methods need the same cells in both "
            "stains, and there are no such images of these sources; with them goes what learns from them."
        )


def normalizer_code(script, *normalizers):
    """Fingerprint of a script that runs normalisers of the config."""
    return method_code(
        script, "stain", [NORMALIZERS[name].method for name in normalizers]
    )


def normalizer_teachers(normalizer):
    """The teacher of a normaliser in a list, which is empty for most normalisers."""
    teacher = CONFIG.stain.normalizers[normalizer].teacher
    return [teacher] if teacher else []


def teacher_settings(normalizer):
    """Setting `teacher` of a fit: method and settings of the teacher; empty for most normalisers."""
    return {
        "teacher": NORMALIZERS[name].plain for name in normalizer_teachers(normalizer)
    }


def teacher_to_imitate(wildcards):
    """Input `teacher`: its weights for the same pair; empty for most normalisers."""
    return {
        "teacher": f"{RUN}/{wildcards.protocol}/stain/{name}/{wildcards.source}/weights.safetensors"
        for name in normalizer_teachers(wildcards.normalizer)
    }


def networks_of(normalizer):
    """1 if the normaliser trains networks, else 0."""
    return int(NORMALIZERS[normalizer].traits.trains_networks)


def normalised_sets(page):
    """Paths of the normalised images of every normaliser compared on a page."""
    return [
        f"{RUN}/{protocol}/stain/{name}/images.zip"
        for protocol in CONFIG.protocols
        for name in COMPARED[page, protocol]
    ]


def stain_report_code(page, protocol):
    """Param function: fingerprint of the stain report, which runs the normalisers of the page and protocol."""
    return lambda wildcards: normalizer_code(
        "stain/stain_report", *CHANGING[page, protocol]
    )
