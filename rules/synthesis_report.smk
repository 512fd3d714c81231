# Tables and figures of generators. The generators differ by page and protocol, so each page and protocol has a rule of
# its own.
#
# inputs   results/<run>/{protocol}/synthesis/{normalizer}/{generator}/…
#          results/<run>/{protocol}/stain/{normalizer}/images.{zip,parquet}, {protocol}/split.parquet
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/[experiments/]tables/synthesis_{what}_{protocol}.csv
#          results/<run>/[experiments/]figures/synthesis_{gate,losses}_{protocol}.svg
#          results/<run>/[experiments/]figures/synthesis_{sheet,strips,agreement,pairs}_{protocol}_{generator}_on_{normalizer}.svg

SYNTHESIS_KINDS = [
    "precision",
    "fid",
    "pixels",
    "classes",
    "gate",
    "memory",
    "trust",
    "cost",
]
SYNTHESIS_PICTURES = ["sheet", "strips", "agreement", "pairs"]
WITH_SYNTHESIS = [key for key, names in GENERATED.items() if names]
SYNTHESIS_TABLES = [
    f"{RUN}/{page}tables/synthesis_{kind}_{protocol}.csv"
    for kind in SYNTHESIS_KINDS
    for page, protocol in WITH_SYNTHESIS
]
SYNTHESIS_FIGURES = [
    f"{RUN}/{page}figures/synthesis_{kind}_{protocol}.svg"
    for kind in ("gate", "losses")
    for page, protocol in WITH_SYNTHESIS
] + [
    f"{RUN}/{page}figures/synthesis_{kind}_{protocol}_{generator}_on_{CONFIG.synthesis.normalizer}.svg"
    for page, protocol in WITH_SYNTHESIS
    for generator in GENERATED[page, protocol]
    for kind in SYNTHESIS_PICTURES
]

for _page, _protocol in WITH_SYNTHESIS:

    rule:
        """Write tables and figures of the compared generators"""
        name:
            "_".join(["synthesis_report", _protocol, *_page.split("/")[:-1]])
        input:
            images=f"{RUN}/{_protocol}/stain/{CONFIG.synthesis.normalizer}/images.zip",
            index=f"{RUN}/{_protocol}/stain/{CONFIG.synthesis.normalizer}/images.parquet",
            split=f"{RUN}/{_protocol}/split.parquet",
            drawn=of_generators(_page, _protocol, "images.zip"),
            drawn_indexes=of_generators(_page, _protocol, "images.parquet"),
            gates=of_generators(_page, _protocol, "gate.parquet"),
            neighbours=of_generators(_page, _protocol, "neighbours.parquet"),
            snapshots=of_generators(_page, _protocol, "snapshots.zip"),
            snapshot_indexes=of_generators(_page, _protocol, "snapshots.parquet"),
            histories=of_generators(_page, _protocol, "history.jsonl"),
            metrics=of_generators(_page, _protocol, "metrics.json"),
            training=of_generators(_page, _protocol, "training.json"),
            summaries=of_generators(_page, _protocol, "gate.json"),
            reported=REPORTED,
        output:
            **{
                f"table_{kind}": report(
                    f"{RUN}/{_page}tables/synthesis_{kind}_{_protocol}.csv",
                    caption="../workflow_scripts/captions/synthesis_tables.rst",
                    category="Synthesis",
                )
                for kind in SYNTHESIS_KINDS
            },
            **{
                kind: report(
                    f"{RUN}/{_page}figures/synthesis_{kind}_{_protocol}.svg",
                    caption=f"../workflow_scripts/captions/synthesis_{kind}.rst",
                    category="Synthesis",
                )
                for kind in ("gate", "losses")
            },
            **{
                f"{kind}_{generator}": report(
                    f"{RUN}/{_page}figures/synthesis_{kind}_{_protocol}_{generator}_on_{CONFIG.synthesis.normalizer}.svg",
                    caption=f"../workflow_scripts/captions/synthesis_{kind}.rst",
                    category="Synthesis",
                )
                for generator in GENERATED[_page, _protocol]
                for kind in SYNTHESIS_PICTURES
            },
        log:
            f"{RUN}/logs/synthesis_report/{_page}{_protocol}.log",
        benchmark:
            f"{RUN}/benchmarks/synthesis_report/{_page}{_protocol}.tsv"
        conda:
            "../envs/cpu.yaml"
        params:
            settings=settings(
                protocol=_protocol,
                preset=PRESET,
                generators=[
                    generator_description(name) for name in GENERATED[_page, _protocol]
                ],
            ),
            code=own_code("synthesis/synthesis_report"),
        script:
            "../workflow_scripts/synthesis/synthesis_report.py"
