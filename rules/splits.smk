# Splits: the part of each kept image under a protocol.
#
# inputs   results/<run>/manifest/{source}.parquet
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
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings("split", protocol=wildcards.protocol),
        code=own_code("dataset/split"),
    script:
        "../workflow_scripts/dataset/split.py"
