# The normalisers of the config, for rules and pages.

from hemabalance.stain.method import NormalizerSpec

PAIRS = {
    "pairs": expand(f"{RUN}/pairs/{{domain}}.zip", domain=["a", "b"]),
    "pair_indexes": expand(f"{RUN}/pairs/{{domain}}.parquet", domain=["a", "b"]),
}
RENDERED = all(CONFIG.sources[name].origin == "phantom" for name in SOURCE_OF.values())
NORMALIZERS = {
    name: NormalizerSpec(method=entry.method, settings=entry.method_settings("stain"))
    for name, entry in CONFIG.stain.normalizers.items()
}


METHODS_COMPARED = {
    protocol: [[name, NORMALIZERS[name].method] for name in names]
    for protocol, names in COMPARED.items()
}
CHANGING = {
    protocol: [name for name in names if NORMALIZERS[name].traits.changes_images]
    for protocol, names in COMPARED.items()
}
TRAINED = {
    protocol: [name for name in names if NORMALIZERS[name].traits.trains_networks]
    for protocol, names in COMPARED.items()
}


def normalizer_code(script, *normalizers):
    """Fingerprint of a script that runs normalisers of the config."""
    return method_code(
        script, "stain", [NORMALIZERS[name].method for name in normalizers]
    )


def pairs_to_fit(wildcards):
    """Inputs with rendered pairs, for a paired normaliser; empty for the others."""
    return PAIRS if NORMALIZERS[wildcards.normalizer].traits.paired else {}


def networks_of(normalizer):
    """1 if the normaliser trains networks, else 0."""
    return int(NORMALIZERS[normalizer].traits.trains_networks)


def of_normalizers(protocol, names, file):
    """Paths of one file of each named normaliser under a protocol."""
    return [f"{RUN}/{protocol}/stain/{name}/{file}" for name in names]


def stain_report_code(protocol):
    """Param function: fingerprint of the stain report, which runs the normalisers of the protocol."""
    return lambda wildcards: normalizer_code("stain/stain_report", *CHANGING[protocol])
