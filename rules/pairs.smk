# The pairs of sources that normalisers are fitted on. A pair is the reference and one other source: the wildcard `source`
# of the stain rules is the other source.
from hemabalance.config.paired import pairs_are_rendered

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
