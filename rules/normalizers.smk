# The normalisers of the config and the pairs of sources that they are fitted on, for rules and pages. A pair is the
# reference and one other source: the wildcard `source` of the stain rules is the other source.
from snakemake.logging import logger

from hemabalance.config.paired import pairs_are_rendered
from hemabalance.stain.method import NormalizerSpec

# Whether the same cells, rendered in both stains, are the ground truth of all pairs. Paired methods learn from such
# cells also where two archives of a preset are photographs.
ORIGINS = [entry.origin for entry in CONFIG.sources.values()]
RENDERED = set(ORIGINS) == {"phantom"} and pairs_are_rendered(
    PRESET, REFERENCE, ORIGINS
)
LABELLED_SOURCES = list(CONFIG.labelled_sources)
# Regular expression of the other sources; of no string if there is none.
PAIR_SOURCES = "|".join(OTHER_SOURCES) or "(?!)"
# Trainings of the small classifiers of the reference: with its own colours, and with random ones.
AUGMENTATIONS = ["none", "colour"]
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


def pair_of(source):
    """The stain domains of a pair: the reference and another source."""
    return {"a": REFERENCE, "b": source}


def images_of_pair(source):
    """Inputs with the images of a pair, the reference first."""
    return images_of([REFERENCE, source])


def images_of(sources):
    """Inputs with the images of sources."""
    return {
        "images": expand(f"{RUN}/images/{{source}}.zip", source=sources),
        "indexes": expand(f"{RUN}/images/{{source}}.parquet", source=sources),
    }


def wildcard_pair(wildcards):
    """Inputs with the images of the pair of the wildcard `source`."""
    return images_of_pair(wildcards.source)


def rendered_pairs(source):
    """Files of the same cells rendered in both stains of a pair."""
    folder = f"{RUN}/pairs/{source}"
    return {
        "pairs": [f"{folder}/{domain}.zip" for domain in "ab"],
        "pair_indexes": [f"{folder}/{domain}.parquet" for domain in "ab"],
    }


def pairs_to_fit(wildcards):
    """Inputs with rendered pairs, for a paired normaliser; empty for the others."""
    is_paired = NORMALIZERS[wildcards.normalizer].traits.paired
    return rendered_pairs(wildcards.source) if is_paired else {}


def pairs_to_measure(wildcards):
    """Inputs with rendered pairs as ground truth, if all sources are rendered."""
    return rendered_pairs(wildcards.source) if RENDERED else {}


def is_labelled(source):
    """Whether both sources of a pair have labels."""
    return {REFERENCE, source} <= set(LABELLED_SOURCES)


def judges_of(wildcards):
    """Weights of the classifiers of the reference; empty if a source of the pair has no labels."""
    if not is_labelled(wildcards.source):
        return []
    folder = f"{RUN}/{wildcards.protocol}/source_classifier/{wildcards.source}"
    return [f"{folder}/{name}/weights.safetensors" for name in AUGMENTATIONS]


def networks_of(normalizer):
    """1 if the normaliser trains networks, else 0."""
    return int(NORMALIZERS[normalizer].traits.trains_networks)


def of_normalizers(protocol, names, file, source):
    """Paths of one file of each named normaliser of a pair under a protocol."""
    return [f"{RUN}/{protocol}/stain/{name}/{source}/{file}" for name in names]


def of_pairs(protocol, normalizer, file):
    """Paths of one file of a normaliser of every pair, in the order of OTHER_SOURCES."""
    return [
        path
        for source in OTHER_SOURCES
        for path in of_normalizers(protocol, [normalizer], file, source)
    ]


def weights_of_normalizer(protocol, normalizer):
    """Paths of the weights of a normaliser of every pair, in the order of OTHER_SOURCES."""
    return of_pairs(protocol, normalizer, "weights.safetensors")


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
