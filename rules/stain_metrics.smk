# Measurement of normalisers, and the networks and features that it uses.
#
# inputs   results/<run>/images/…, {protocol}/split.parquet, {protocol}/stain/{normalizer}/{source}/weights.safetensors
# outputs, for each source besides the reference
#          results/<run>/{protocol}/source_classifier/{source}/{augmentation}/
#              {weights.safetensors,history.jsonl,training.json}, if both sources have labels
#          results/<run>/{protocol}/real_features/{source}.safetensors
#          results/<run>/{protocol}/stain/{normalizer}/{source}/metrics.json

# Directions that the audit compares; per_class exists with two sources only.
DIRECTIONS = ["per_class", "to_a", "to_b"] if len(SOURCES) == 2 else ["to_a", "to_b"]
JUDGES = expand(
    f"{RUN}/{{{{protocol}}}}/source_classifier/{{{{source}}}}/{{augmentation}}",
    augmentation=AUGMENTATIONS,
)


rule source_classifier:
    """Train small classifiers of the reference under {wildcards.protocol}, to be tested on {wildcards.source}"""
    input:
        unpack(wildcard_pair),
        split=f"{RUN}/{{protocol}}/split.parquet",
    output:
        weights=[f"{judge}/weights.safetensors" for judge in JUDGES],
        history=[f"{judge}/history.jsonl" for judge in JUDGES],
        training=[f"{judge}/training.json" for judge in JUDGES],
    log:
        f"{RUN}/logs/source_classifier/{{protocol}}/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/source_classifier/{{protocol}}/{{source}}.tsv"
    wildcard_constraints:
        source=PAIR_SOURCES,
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
            pair=pair_of(wildcards.source),
        ),
        code=own_code("stain/source_classifier"),
    script:
        "../workflow_scripts/stain/source_classifier.py"


rule stain_real:
    """Compute Inception features of the original evaluation images of a pair under {wildcards.protocol}"""
    input:
        unpack(wildcard_pair),
        split=f"{RUN}/{{protocol}}/split.parquet",
        inception=INCEPTION,
    output:
        features=f"{RUN}/{{protocol}}/real_features/{{source}}.safetensors",
    log:
        f"{RUN}/logs/stain_real/{{protocol}}/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_real/{{protocol}}/{{source}}.tsv"
    wildcard_constraints:
        source=PAIR_SOURCES,
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
            pair=pair_of(wildcards.source),
        ),
        code=own_code("stain/stain_real"),
    script:
        "../workflow_scripts/stain/stain_real.py"


rule stain_metrics:
    """Measure the normaliser {wildcards.normalizer} of {wildcards.source} under the protocol {wildcards.protocol}"""
    input:
        unpack(wildcard_pair),
        unpack(pairs_to_measure),
        split=f"{RUN}/{{protocol}}/split.parquet",
        weights=f"{FITTED}/weights.safetensors",
        inception=INCEPTION,
        real=f"{RUN}/{{protocol}}/real_features/{{source}}.safetensors",
        classifiers=judges_of,
    output:
        metrics=f"{FITTED}/metrics.json",
    log:
        f"{RUN}/logs/stain_metrics/{{protocol}}/{{normalizer}}/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_metrics/{{protocol}}/{{normalizer}}/{{source}}.tsv"
    wildcard_constraints:
        source=PAIR_SOURCES,
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
                directions=DIRECTIONS,
                classes=CONFIG.stain.classes,
            ),
            pair=pair_of(wildcards.source),
            augmentations=AUGMENTATIONS if is_labelled(wildcards.source) else [],
        ),
        code=lambda wildcards: normalizer_code(
            "stain/stain_metrics", wildcards.normalizer
        ),
    script:
        "../workflow_scripts/stain/stain_metrics.py"
