# The normalisers of the config, as rules and pages need them.

from hemabalance.stain.method import NormalizerSpec

PAIRS = {
    "pairs": expand(f"{RUN}/pairs/{{look}}.zip", look=["a", "b"]),
    "pair_indexes": expand(f"{RUN}/pairs/{{look}}.parquet", look=["a", "b"]),
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
    """Rendered pairs, for a normaliser that learns from them."""
    return PAIRS if NORMALIZERS[wildcards.normalizer].traits.paired else {}


def networks_of(normalizer):
    """1 for a normaliser that is a network, 0 for another."""
    return int(NORMALIZERS[normalizer].traits.trains_networks)


def of_normalizers(protocol, names, file):
    """A file of each of some normalisers under a protocol."""
    return [f"{RUN}/{protocol}/stain/{name}/{file}" for name in names]


def stain_report_code(protocol):
    """Param function: the fingerprint of the report on the normalisers of a protocol, which runs them."""
    return lambda wildcards: normalizer_code("stain/stain_report", *CHANGING[protocol])
