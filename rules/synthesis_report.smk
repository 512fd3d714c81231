# Tables and figures of generators. The generators differ by protocol, so each protocol has a rule of its own.
#
# inputs   results/<run>/{protocol}/synthesis/{normalizer}/{generator}/…
#          results/<run>/{protocol}/stain/{normalizer}/images.{zip,parquet}, {protocol}/split.parquet
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/tables/synthesis_{what}_{protocol}.csv
#          results/<run>/figures/synthesis_{gate,losses}_{protocol}.svg
#          results/<run>/figures/synthesis_{sheet,strips,agreement,pairs}_{protocol}_{generator}_on_{normalizer}.svg

SYNTHESIS_KINDS = ["precision", "fid", "pixels", "classes", "gate", "memory", "cost"]
SYNTHESIS_PICTURES = ["sheet", "strips", "agreement", "pairs"]
WITH_SYNTHESIS = [protocol for protocol, pairs in GENERATED.items() if pairs]
SYNTHESIS_TABLES = expand(
    "synthesis_{kind}_{protocol}", kind=SYNTHESIS_KINDS, protocol=WITH_SYNTHESIS
)
SYNTHESIS_FIGURES = expand(
    "synthesis_{kind}_{protocol}", kind=["gate", "losses"], protocol=WITH_SYNTHESIS
) + [
    f"synthesis_{kind}_{protocol}_{generator}_on_{normalizer}"
    for protocol in WITH_SYNTHESIS
    for normalizer, generator in GENERATED[protocol]
    for kind in SYNTHESIS_PICTURES
]

for _protocol in WITH_SYNTHESIS:

    rule:
        """Write tables and figures of the compared generators"""
        name:
            f"synthesis_report_{_protocol}"
        input:
            images=f"{RUN}/{_protocol}/stain/{CONFIG.synthesis.normalizer}/images.zip",
            index=f"{RUN}/{_protocol}/stain/{CONFIG.synthesis.normalizer}/images.parquet",
            split=f"{RUN}/{_protocol}/split.parquet",
            drawn=of_generators(_protocol, "images.zip"),
            drawn_indexes=of_generators(_protocol, "images.parquet"),
            gates=of_generators(_protocol, "gate.parquet"),
            neighbours=of_generators(_protocol, "neighbours.parquet"),
            snapshots=of_generators(_protocol, "snapshots.zip"),
            snapshot_indexes=of_generators(_protocol, "snapshots.parquet"),
            histories=of_generators(_protocol, "history.jsonl"),
            metrics=of_generators(_protocol, "metrics.json"),
            training=of_generators(_protocol, "training.json"),
            summaries=of_generators(_protocol, "gate.json"),
            reported=REPORTED,
        output:
            **{
                f"table_{kind}": report(
                    f"{RUN}/tables/synthesis_{kind}_{_protocol}.csv",
                    caption="../workflow_scripts/captions/synthesis_tables.rst",
                    category="Synthesis",
                )
                for kind in SYNTHESIS_KINDS
            },
            **{
                kind: report(
                    f"{RUN}/figures/synthesis_{kind}_{_protocol}.svg",
                    caption=f"../workflow_scripts/captions/synthesis_{kind}.rst",
                    category="Synthesis",
                )
                for kind in ("gate", "losses")
            },
            **{
                f"{kind}_{generator}": report(
                    f"{RUN}/figures/synthesis_{kind}_{_protocol}_{generator}_on_{normalizer}.svg",
                    caption=f"../workflow_scripts/captions/synthesis_{kind}.rst",
                    category="Synthesis",
                )
                for normalizer, generator in GENERATED[_protocol]
                for kind in SYNTHESIS_PICTURES
            },
        log:
            f"{RUN}/logs/synthesis_report/{_protocol}.log",
        benchmark:
            f"{RUN}/benchmarks/synthesis_report/{_protocol}.tsv"
        conda:
            "../envs/cpu.yaml"
        params:
            settings=settings(
                protocol=_protocol,
                preset=PRESET,
                generators=[
                    generator_description(*pair) for pair in GENERATED[_protocol]
                ],
            ),
            code=own_code("synthesis/synthesis_report"),
        script:
            "../workflow_scripts/synthesis/synthesis_report.py"
