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
