# Splits: the part of each kept image under a protocol. Those of scarce protocols cut the leak-free one; the one across
# sources divides the images of all sources but the reference.
#
# inputs   results/<run>/manifest/{source}.parquet, leak_free/split.parquet
# outputs  results/<run>/{protocol}/split.parquet


rule split:
    """Split the kept images by the protocol {wildcards.protocol}"""
    input:
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
    output:
        split=f"{RUN}/{{protocol}}/split.parquet",
    log:
        f"{RUN}/logs/split/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/split/{{protocol}}.tsv"
    wildcard_constraints:
        protocol="|".join(CONFIG.protocols),
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings("split", protocol=wildcards.protocol),
        code=own_code("dataset/split"),
    script:
        "../workflow_scripts/dataset/split.py"


rule scarce_split:
    """Cut well-filled classes to few training images: {wildcards.protocol}"""
    input:
        split=f"{RUN}/{WHOLE}/split.parquet",
    output:
        split=f"{RUN}/{{protocol}}/split.parquet",
    log:
        f"{RUN}/logs/scarce_split/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/scarce_split/{{protocol}}.tsv"
    wildcard_constraints:
        protocol=one_of(PLAN.scarcity.protocols),
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            cut=cut_settings(wildcards.protocol),
            roles=CONFIG.synthesis.roles.model_dump(),
            run_classes=CLASSES,
        ),
        code=own_code("dataset/scarce_split"),
    script:
        "../workflow_scripts/dataset/scarce_split.py"


rule across_split:
    """Divide the images of all sources but the reference: {wildcards.protocol}"""
    input:
        split=f"{RUN}/{BASIS}/split.parquet",
    output:
        split=f"{RUN}/{{protocol}}/split.parquet",
    log:
        f"{RUN}/logs/across_split/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/across_split/{{protocol}}.tsv"
    wildcard_constraints:
        protocol=one_of(PLAN.across.protocols),
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(source=REFERENCE),
        code=own_code("dataset/across_split"),
    script:
        "../workflow_scripts/dataset/across_split.py"
