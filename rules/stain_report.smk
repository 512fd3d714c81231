# Tables and figures of normalisers, for each pair of sources. The normalisers differ by page and protocol, so each
# page, protocol and pair has a rule of its own. With one source there are none.
#
# inputs   results/<run>/{protocol}/stain/{normalizer}/{source}/
#              {metrics.json,training.json,history.jsonl,weights.safetensors}
#          results/<run>/images/…, {protocol}/split.parquet
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/[experiments/]tables/stain_{what}_{protocol}.csv
#          results/<run>/[experiments/]figures/stain_{methods,audit,losses}_{protocol}.svg,
#              stain_rows_{protocol}_{normalizer}.svg;
#          with several pairs, these names end in _of_{source}

STAIN_KINDS = ["usefulness", "truth", "audit", "fid", "ssim", "structure", "cost", "is"]
STAIN_PICTURES = ["methods", "audit", "losses"]
WITH_STAIN = [
    (page, protocol, source)
    for (page, protocol), names in COMPARED.items()
    if names
    for source in OTHER_SOURCES
]


def stain_name(kind, protocol, source, normalizer=None):
    """Name of a table or figure of a pair; it ends with the source if there are several pairs."""
    parts = ["stain", kind, protocol, *([normalizer] if normalizer else [])]
    return "_".join(parts + (["of", source] if len(OTHER_SOURCES) > 1 else []))


STAIN_TABLES = [
    f"{RUN}/{page}tables/{stain_name(kind, protocol, source)}.csv"
    for kind in STAIN_KINDS
    for page, protocol, source in WITH_STAIN
]
STAIN_FIGURES = [
    f"{RUN}/{page}figures/{stain_name(kind, protocol, source)}.svg"
    for kind in STAIN_PICTURES
    for page, protocol, source in WITH_STAIN
] + [
    f"{RUN}/{page}figures/{stain_name('rows', protocol, source, name)}.svg"
    for page, protocol, source in WITH_STAIN
    for name in CHANGING[page, protocol]
]

for _page, _protocol, _source in WITH_STAIN:

    rule:
        """Write tables and figures of the compared normalisers (thesis Tables 13-16, Figs. 40-46)"""
        name:
            "_".join([stain_name("report", _protocol, _source), *_page.split("/")[:-1]])
        input:
            **images_of_pair(_source),
            split=f"{RUN}/{_protocol}/split.parquet",
            metrics=of_normalizers(
                _protocol, COMPARED[_page, _protocol], "metrics.json", _source
            ),
            training=of_normalizers(
                _protocol, COMPARED[_page, _protocol], "training.json", _source
            ),
            weights=of_normalizers(
                _protocol, CHANGING[_page, _protocol], "weights.safetensors", _source
            ),
            histories=of_normalizers(
                _protocol, TRAINED[_page, _protocol], "history.jsonl", _source
            ),
            reported=REPORTED,
        output:
            **{
                f"table_{kind}": report(
                    f"{RUN}/{_page}tables/{stain_name(kind, _protocol, _source)}.csv",
                    caption="../workflow_scripts/captions/stain_tables.rst",
                    category="Stain",
                )
                for kind in STAIN_KINDS
            },
            **{
                kind: report(
                    f"{RUN}/{_page}figures/{stain_name(kind, _protocol, _source)}.svg",
                    caption=f"../workflow_scripts/captions/stain_{kind}.rst",
                    category="Stain",
                )
                for kind in STAIN_PICTURES
            },
            **{
                f"rows_{name}": report(
                    f"{RUN}/{_page}figures/{stain_name('rows', _protocol, _source, name)}.svg",
                    caption="../workflow_scripts/captions/stain_rows.rst",
                    category="Stain",
                )
                for name in CHANGING[_page, _protocol]
            },
        log:
            f"{RUN}/logs/stain_report/{_page}{_protocol}/{_source}.log",
        benchmark:
            f"{RUN}/benchmarks/stain_report/{_page}{_protocol}/{_source}.tsv"
        conda:
            "../envs/cuda.yaml"
        threads: CONFIG.threads
        resources:
            gpu=ONE_GPU,
            device=CONFIG.device,
            devices=1,
        params:
            settings=settings(
                protocol=_protocol,
                precision=CONFIG.precision,
                preset=PRESET,
                pair=pair_of(_source),
                normalizers=[
                    [name, NORMALIZERS[name].method]
                    for name in COMPARED[_page, _protocol]
                ],
                changing=[
                    {"name": name, "normalizer": NORMALIZERS[name].plain}
                    for name in CHANGING[_page, _protocol]
                ],
                trained=TRAINED[_page, _protocol],
            ),
            code=stain_report_code(_page, _protocol),
        script:
            "../workflow_scripts/stain/stain_report.py"
