# What normalisers do, in pictures.
#
# inputs   results/<run>/{protocol}/stain/{normalizer}/weights.safetensors
#          results/<run>/images/…, {protocol}/split.parquet
# outputs  results/<run>/figures/stain_rows_{protocol}_{normalizer}.svg, stain_methods_{protocol}.svg


rule stain_rows:
    """Draw what {wildcards.normalizer} makes of each class under {wildcards.protocol} (thesis Figs. 41-46)"""
    input:
        **IMAGES,
        split=f"{RUN}/{{protocol}}/split.parquet",
        weights=f"{STAIN}/weights.safetensors",
    output:
        figure=report(
            f"{RUN}/figures/stain_rows_{{protocol}}_{{normalizer}}.svg",
            caption="../workflow_scripts/captions/stain_rows.rst",
            category="Stain",
        ),
    log:
        f"{RUN}/logs/stain_rows/{{protocol}}/{{normalizer}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_rows/{{protocol}}/{{normalizer}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: ONE_GPU * networks_of(wildcards.normalizer),
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            precision=CONFIG.precision,
            normalizer=NORMALIZERS[wildcards.normalizer].plain,
        ),
        code=lambda wildcards: normalizer_code("stain/stain_rows", wildcards.normalizer),
    script:
        "../workflow_scripts/stain/stain_rows.py"


rule stain_methods:
    """Draw the same images under every normaliser of {wildcards.protocol}"""
    input:
        **IMAGES,
        split=f"{RUN}/{{protocol}}/split.parquet",
        weights=lambda wildcards: expand(
            f"{STAIN}/weights.safetensors",
            protocol=wildcards.protocol,
            normalizer=CHANGING[wildcards.protocol],
        ),
    output:
        figure=report(
            f"{RUN}/figures/stain_methods_{{protocol}}.svg",
            caption="../workflow_scripts/captions/stain_methods.rst",
            category="Stain",
        ),
    log:
        f"{RUN}/logs/stain_methods/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_methods/{{protocol}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=ONE_GPU,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            precision=CONFIG.precision,
            normalizers=[
                {"name": name, "normalizer": NORMALIZERS[name].plain}
                for name in CHANGING[wildcards.protocol]
            ],
        ),
        code=lambda wildcards: normalizer_code(
            "stain/stain_methods", *CHANGING[wildcards.protocol]
        ),
    script:
        "../workflow_scripts/stain/stain_methods.py"
