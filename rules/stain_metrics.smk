# What normalisers are measured with, and what comes of it.
#
# inputs   results/<run>/images/…, {protocol}/split.parquet, {protocol}/stain/{normalizer}/weights.safetensors
# outputs  results/<run>/{protocol}/source_classifier/{augmentation}/{weights.safetensors,history.jsonl,training.json}
#          results/<run>/{protocol}/real_features.safetensors
#          results/<run>/{protocol}/stain/{normalizer}/metrics.json

AUGMENTATIONS = ["none", "colour"]
JUDGES = expand(
    f"{RUN}/{{{{protocol}}}}/source_classifier/{{augmentation}}",
    augmentation=AUGMENTATIONS,
)


rule source_classifier:
    """Train a small classifier on source A alone under {wildcards.protocol}, and one that sees random colours"""
    input:
        **IMAGES,
        split=f"{RUN}/{{protocol}}/split.parquet",
    output:
        weights=[f"{judge}/weights.safetensors" for judge in JUDGES],
        history=[f"{judge}/history.jsonl" for judge in JUDGES],
        training=[f"{judge}/training.json" for judge in JUDGES],
    log:
        f"{RUN}/logs/source_classifier/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/source_classifier/{{protocol}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=GPUS,
        device=CONFIG.device,
        devices=CONFIG.devices,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            augmentations=AUGMENTATIONS,
            precision=CONFIG.precision,
            classifier=CONFIG.stain.classifier.model_dump(),
        ),
        code=own_code("stain/source_classifier"),
    script:
        "../workflow_scripts/stain/source_classifier.py"


rule stain_real:
    """Look with Inception at the untouched images to measure on under the protocol {wildcards.protocol}"""
    input:
        **IMAGES,
        split=f"{RUN}/{{protocol}}/split.parquet",
        inception=INCEPTION,
    output:
        features=f"{RUN}/{{protocol}}/real_features.safetensors",
    log:
        f"{RUN}/logs/stain_real/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_real/{{protocol}}.tsv"
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
            max_images=CONFIG.stain.evaluation.max_images,
        ),
        code=own_code("stain/stain_real"),
    script:
        "../workflow_scripts/stain/stain_real.py"


rule stain_metrics:
    """Measure the normaliser {wildcards.normalizer} under the protocol {wildcards.protocol}"""
    input:
        **(PAIRS if RENDERED else {}),
        **IMAGES,
        split=f"{RUN}/{{protocol}}/split.parquet",
        weights=f"{STAIN}/weights.safetensors",
        inception=INCEPTION,
        real=f"{RUN}/{{protocol}}/real_features.safetensors",
        classifiers=[f"{judge}/weights.safetensors" for judge in JUDGES],
    output:
        metrics=f"{STAIN}/metrics.json",
    log:
        f"{RUN}/logs/stain_metrics/{{protocol}}/{{normalizer}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_metrics/{{protocol}}/{{normalizer}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=ONE_GPU,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            precision=CONFIG.precision,
            normalizer=NORMALIZERS[wildcards.normalizer].plain,
            evaluation=dict(
                CONFIG.stain.evaluation,
                protocol=wildcards.protocol,
                classes=CONFIG.stain.classes,
            ),
            augmentations=AUGMENTATIONS,
        ),
        code=lambda wildcards: normalizer_code(
            "stain/stain_metrics", wildcards.normalizer
        ),
    script:
        "../workflow_scripts/stain/stain_metrics.py"
