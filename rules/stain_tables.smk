# What normalisers do, in numbers.
#
# inputs   results/<run>/{protocol}/stain/{normalizer}/{metrics.json,training.json,history.jsonl}
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/tables/stain_{what}_{protocol}.csv
#          results/<run>/figures/stain_{audit,losses}_{protocol}.svg

STAIN_KINDS = ["usefulness", "truth", "audit", "fid", "ssim", "structure", "cost", "is"]
WITH_STAIN = [protocol for protocol, names in COMPARED.items() if names]
METHODS_COMPARED = {
    protocol: [[name, NORMALIZERS[name].method] for name in names]
    for protocol, names in COMPARED.items()
}
CHANGING = {
    protocol: [name for name in names if NORMALIZERS[name].traits.changes_images]
    for protocol, names in COMPARED.items()
}
TRAINED = {
    protocol: [name for name in names if networks_of(name)]
    for protocol, names in COMPARED.items()
}
STAIN_TABLES = expand("stain_{kind}_{protocol}", kind=STAIN_KINDS, protocol=WITH_STAIN)
STAIN_FIGURES = expand(
    "stain_{kind}_{protocol}", kind=["methods", "audit", "losses"], protocol=WITH_STAIN
) + [
    f"stain_rows_{protocol}_{name}"
    for protocol in WITH_STAIN
    for name in CHANGING[protocol]
]


rule stain_tables:
    """Table what was measured of the normalisers under {wildcards.protocol} (thesis Tables 13-16)"""
    input:
        metrics=lambda wildcards: expand(
            f"{STAIN}/metrics.json",
            protocol=wildcards.protocol,
            normalizer=COMPARED[wildcards.protocol],
        ),
        training=lambda wildcards: expand(
            f"{STAIN}/training.json",
            protocol=wildcards.protocol,
            normalizer=COMPARED[wildcards.protocol],
        ),
        reported=REPORTED,
    output:
        **{
            kind: report(
                f"{RUN}/tables/stain_{kind}_{{protocol}}.csv",
                caption="../workflow_scripts/captions/stain_tables.rst",
                category="Stain",
            )
            for kind in STAIN_KINDS
        },
    log:
        f"{RUN}/logs/stain_tables/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_tables/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            normalizers=METHODS_COMPARED[wildcards.protocol]
        ),
        code=own_code("stain/stain_tables"),
    script:
        "../workflow_scripts/stain/stain_tables.py"


rule stain_audit:
    """Draw what colour gives away under {wildcards.protocol}"""
    input:
        metrics=lambda wildcards: expand(
            f"{STAIN}/metrics.json",
            protocol=wildcards.protocol,
            normalizer=COMPARED[wildcards.protocol],
        ),
        training=lambda wildcards: expand(
            f"{STAIN}/training.json",
            protocol=wildcards.protocol,
            normalizer=COMPARED[wildcards.protocol],
        ),
    output:
        figure=report(
            f"{RUN}/figures/stain_audit_{{protocol}}.svg",
            caption="../workflow_scripts/captions/stain_audit.rst",
            category="Stain",
        ),
    log:
        f"{RUN}/logs/stain_audit/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_audit/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            normalizers=METHODS_COMPARED[wildcards.protocol]
        ),
        code=own_code("stain/stain_audit"),
    script:
        "../workflow_scripts/stain/stain_audit.py"


rule stain_losses:
    """Draw the losses of the normalisers trained under {wildcards.protocol} (thesis Fig. 40)"""
    input:
        histories=lambda wildcards: expand(
            f"{STAIN}/history.jsonl",
            protocol=wildcards.protocol,
            normalizer=TRAINED[wildcards.protocol],
        ),
    output:
        figure=report(
            f"{RUN}/figures/stain_losses_{{protocol}}.svg",
            caption="../workflow_scripts/captions/stain_losses.rst",
            category="Stain",
        ),
    log:
        f"{RUN}/logs/stain_losses/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_losses/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(normalizers=TRAINED[wildcards.protocol]),
        code=own_code("stain/stain_losses"),
    script:
        "../workflow_scripts/stain/stain_losses.py"
