# Stain normalisation: fit each normaliser on the training images of each pair of sources, and apply it to all images.
#
# inputs   results/<run>/images/{source}.{zip,parquet}, {protocol}/split.parquet
# outputs  results/<run>/pairs/{source}/{domain}.{zip,parquet}
#          results/<run>/{protocol}/stain/{normalizer}/{source}/
#              {weights.safetensors,history.jsonl,training.json,seen.parquet}, for each source besides the reference
#          results/<run>/{protocol}/stain/{normalizer}/images.{zip,parquet}: images of all labelled sources

from hemabalance.config.rendered import pair_looks

STAIN = f"{RUN}/{{protocol}}/stain/{{normalizer}}"
FITTED = f"{STAIN}/{{source}}"


rule pairs:
    """Render the same cells in the stains of the reference and of {wildcards.source}"""
    output:
        images=rendered_pairs("{source}")["pairs"],
        indexes=rendered_pairs("{source}")["pair_indexes"],
    log:
        f"{RUN}/logs/pairs/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/pairs/{{source}}.tsv"
    wildcard_constraints:
        source=PAIR_SOURCES,
    conda:
        "../envs/cpu.yaml"
    threads: CONFIG.threads
    params:
        settings=lambda wildcards: settings(
            "images",
            pairs=CONFIG.stain.pairs.model_dump(),
            frame=CONFIG.phantom.size,
            looks=pair_looks(CONFIG, wildcards.source),
        ),
        code=own_code("stain/pairs"),
    script:
        "../workflow_scripts/stain/pairs.py"


rule stain_fit:
    """Fit the normaliser {wildcards.normalizer} to {wildcards.source} under the protocol {wildcards.protocol}"""
    input:
        unpack(pairs_to_fit),
        unpack(teacher_to_imitate),
        unpack(wildcard_pair),
        split=f"{RUN}/{{protocol}}/split.parquet",
    output:
        weights=f"{FITTED}/weights.safetensors",
        history=f"{FITTED}/history.jsonl",
        training=f"{FITTED}/training.json",
        seen=f"{FITTED}/seen.parquet",
    log:
        f"{RUN}/logs/stain_fit/{{protocol}}/{{normalizer}}/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_fit/{{protocol}}/{{normalizer}}/{{source}}.tsv"
    wildcard_constraints:
        source=PAIR_SOURCES,
    # Long, and many jobs wait for it.
    priority: 10
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: GPUS * networks_of(wildcards.normalizer),
        device=CONFIG.device,
        devices=CONFIG.devices,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            precision=CONFIG.precision,
            normalizer=NORMALIZERS[wildcards.normalizer].plain,
            pair=pair_of(wildcards.source),
            **teacher_settings(wildcards.normalizer),
        ),
        code=lambda wildcards: normalizer_code(
            "stain/stain_fit",
            wildcards.normalizer,
            *normalizer_teachers(wildcards.normalizer),
        ),
    script:
        "../workflow_scripts/stain/stain_fit.py"


rule stain_images:
    """Apply {wildcards.normalizer} to all images"""
    input:
        **images_of(LABELLED_SOURCES),
        split=f"{RUN}/{{protocol}}/split.parquet",
        weights=lambda wildcards: weights_of_normalizer(
            wildcards.protocol, wildcards.normalizer
        ),
    output:
        images=f"{STAIN}/images.zip",
        index=f"{STAIN}/images.parquet",
    log:
        f"{RUN}/logs/stain_images/{{protocol}}/{{normalizer}}.log",
    benchmark:
        f"{RUN}/benchmarks/stain_images/{{protocol}}/{{normalizer}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: ONE_GPU * networks_of(wildcards.normalizer),
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            precision=CONFIG.precision,
            normalizer=NORMALIZERS[wildcards.normalizer].plain,
            direction=CONFIG.stain.normalizers[wildcards.normalizer].direction,
            classes=CONFIG.stain.classes,
            sources=LABELLED_SOURCES,
            fitted=[
                {"name": name, "pair": pair_of(source)}
                for source, name in PLAN.fitted_names(wildcards.normalizer).items()
            ],
        ),
        code=lambda wildcards: normalizer_code(
            "stain/stain_images", wildcards.normalizer
        ),
    script:
        "../workflow_scripts/stain/stain_images.py"
