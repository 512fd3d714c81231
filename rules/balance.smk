# Balanced sets: real and synthetic images of each class in one table. Later stages do not need to know the origin.
#
# inputs   results/<run>/{protocol}/{split.parquet,stain/{normalizer},synthesis/{normalizer}/{generator}}, manifests,
#          and seen.parquet of every training involved: the real images that it was given
# outputs  results/<run>/{protocol}/balanced/{recipe}/{images.parquet,audit.json}

BALANCED = f"{RUN}/{{protocol}}/balanced/{{recipe}}"


rule balance:
    """Balance the set {wildcards.recipe} under the protocol {wildcards.protocol}, and audit it for leaks"""
    input:
        unpack(set_files),
        gates=gate_files,
        lists=seen_image_tables,
        split=f"{RUN}/{{protocol}}/split.parquet",
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
    output:
        table=f"{BALANCED}/images.parquet",
        audit=f"{BALANCED}/audit.json",
    log:
        f"{RUN}/logs/balance/{{protocol}}/{{recipe}}.log",
    benchmark:
        f"{RUN}/benchmarks/balance/{{protocol}}/{{recipe}}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: CONFIG.threads
    params:
        settings=lambda wildcards: settings(
            **recipe_settings(PLAN, wildcards.recipe, wildcards.protocol)
        ),
        code=own_code("balance/balance"),
    script:
        "../workflow_scripts/balance/balance.py"
