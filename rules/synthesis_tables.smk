# What generators do, in numbers.
#
# inputs   results/<run>/{protocol}/synthesis/{normalizer}/{generator}/{metrics,training,gate}.json, …/history.jsonl,
#          …/gate.parquet
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/tables/synthesis_{what}_{protocol}.csv
#          results/<run>/figures/synthesis_{gate,losses}_{protocol}.svg

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


rule synthesis_tables:
    """Table what was measured of the generators under {wildcards.protocol} (thesis Tables 17-22)"""
    input:
        metrics=of_generators("metrics.json"),
        training=of_generators("training.json"),
        gates=of_generators("gate.json"),
        reported=REPORTED,
    output:
        **{
            kind: report(
                f"{RUN}/tables/synthesis_{kind}_{{protocol}}.csv",
                caption="../workflow_scripts/captions/synthesis_tables.rst",
                category="Synthesis",
            )
            for kind in SYNTHESIS_KINDS
        },
    log:
        f"{RUN}/logs/synthesis_tables/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_tables/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            generators=[facts_of(*pair) for pair in GENERATED[wildcards.protocol]]
        ),
        code=own_code("synthesis/synthesis_tables"),
    script:
        "../workflow_scripts/synthesis/synthesis_tables.py"


rule synthesis_gate:
    """Draw what became of the draws of each class under {wildcards.protocol}"""
    input:
        gates=of_generators("gate.parquet"),
    output:
        figure=report(
            f"{RUN}/figures/synthesis_gate_{{protocol}}.svg",
            caption="../workflow_scripts/captions/synthesis_gate.rst",
            category="Synthesis",
        ),
    log:
        f"{RUN}/logs/synthesis_gate/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_gate/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            generators=[named(*pair) for pair in GENERATED[wildcards.protocol]]
        ),
        code=own_code("synthesis/synthesis_gate"),
    script:
        "../workflow_scripts/synthesis/synthesis_gate.py"


rule synthesis_losses:
    """Draw the losses of the generators trained under {wildcards.protocol}"""
    input:
        histories=of_generators("history.jsonl"),
    output:
        figure=report(
            f"{RUN}/figures/synthesis_losses_{{protocol}}.svg",
            caption="../workflow_scripts/captions/synthesis_losses.rst",
            category="Synthesis",
        ),
    log:
        f"{RUN}/logs/synthesis_losses/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_losses/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            generators=[named(*pair) for pair in GENERATED[wildcards.protocol]]
        ),
        code=own_code("synthesis/synthesis_losses"),
    script:
        "../workflow_scripts/synthesis/synthesis_losses.py"
