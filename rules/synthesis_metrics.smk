# Measurement of generators, and the features of real images that it uses.
#
# inputs   results/<run>/{protocol}/synthesis/{normalizer}/{generator}/…, {protocol}/synthesis_judge/{normalizer}/…
#          results/<run>/{protocol}/stain/{normalizer}/images.{zip,parquet}, {protocol}/split.parquet
# outputs  results/<run>/{protocol}/synthesis_real/{normalizer}/{real_images.parquet,features.safetensors}
#          results/<run>/{protocol}/synthesis/{normalizer}/{generator}/{metrics.json,neighbours.parquet}

# Image sets to measure: real images, all generated images, snapshots of the training.
MEASURED_SETS = [f"{STAIN}/images", f"{GENERATOR}/images", f"{GENERATOR}/snapshots"]


rule synthesis_real:
    """Compute features of real images, once for all generators, under the protocol {wildcards.protocol}"""
    input:
        **NORMALISED,
        inception=INCEPTION,
        lpips=LPIPS,
    output:
        table=SYNTHESIS_REAL["real"],
        features=SYNTHESIS_REAL["real_features"],
    log:
        f"{RUN}/logs/synthesis_real/{{protocol}}/{{normalizer}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_real/{{protocol}}/{{normalizer}}.tsv"
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
            classes=CLASSES,
            size=CONFIG.synthesis.size,
            most={
                "references": CONFIG.synthesis.gate.references,
                "measured": CONFIG.synthesis.evaluation.max_images,
            },
        ),
        code=own_code("synthesis/synthesis_real"),
    script:
        "../workflow_scripts/synthesis/synthesis_real.py"


rule synthesis_metrics:
    """Measure the generator {wildcards.generator} under the protocol {wildcards.protocol}"""
    input:
        **SYNTHESIS_REAL,
        zips=[f"{place}.zip" for place in MEASURED_SETS],
        indexes=[f"{place}.parquet" for place in MEASURED_SETS],
        split=NORMALISED["split"],
        features=f"{GENERATOR}/features.safetensors",
        judge=f"{SYNTHESIS_JUDGE}/weights.safetensors",
        inception=INCEPTION,
        lpips=LPIPS,
    output:
        metrics=f"{GENERATOR}/metrics.json",
        neighbours=f"{GENERATOR}/neighbours.parquet",
    log:
        f"{RUN}/logs/synthesis_metrics/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_metrics/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
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
            classes=CLASSES,
            serves=CONFIG.synthesis.generators[wildcards.generator].role,
            roles=CONFIG.synthesis.roles.model_dump(),
            copy_quantile=CONFIG.synthesis.gate.copy_quantile,
            evaluation=dict(
                CONFIG.synthesis.evaluation,
                neighbours=CONFIG.synthesis.gate.neighbours,
            ),
        ),
        code=own_code("synthesis/synthesis_metrics"),
    script:
        "../workflow_scripts/synthesis/synthesis_metrics.py"
