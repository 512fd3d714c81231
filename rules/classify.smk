# Classifiers: train each on its balanced set, predict the real test images, measure, and write model.json, with which
# the model can be used without the workflow.
#
# inputs   results/<run>/{protocol}/balanced/{recipe}/images.parquet, and the image sets that it names
#          results/<run>/{manifest,inventory}/{source}.parquet of the sources with labels by experts
#          results/<run>/{protocol}/split.parquet, images/{source}.{zip,parquet}: colours of the training images
#          results/<run>/{protocol}/stain/{normalizer}/{source}/weights.safetensors
#          data/weights/mobilenet_v2.safetensors
#          results/<run>/scale/{source}.json, and fields.json, if any source has `field: auto`
# outputs  results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{weights.safetensors,history.jsonl,training.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,calibration.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/out_of_distribution.safetensors
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{metrics.json,expert_agreement.json,model.json,README.md}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/normalizer/{source}.safetensors, if it has one


rule classify_fit:
    """Train the experiment {wildcards.experiment}, seed {wildcards.training}, under {wildcards.protocol}"""
    input:
        unpack(set_files),
        unpack(frozen_features),
        table=balanced_set,
    output:
        weights=f"{CLASSIFIER}/weights.safetensors",
        history=f"{CLASSIFIER}/history.jsonl",
        training=f"{CLASSIFIER}/training.json",
    log:
        f"{RUN}/logs/classify_fit/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_fit/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: GPUS * networks_to_run(wildcards),
        device=CONFIG.device,
        devices=CONFIG.devices,
    params:
        settings=lambda wildcards: training_settings(model_settings, wildcards),
        code=lambda wildcards: model_code("classify/classify_fit", wildcards),
    script:
        "../workflow_scripts/classify/classify_fit.py"


rule classify_normalizer:
    """Copy the normaliser of {wildcards.source} into the model of {wildcards.experiment}, seed {wildcards.training}"""
    input:
        weights=weights_to_copy,
    output:
        weights=NORMALIZER_OF_MODEL,
    log:
        f"{RUN}/logs/classify_normalizer/{{protocol}}/{{experiment}}/seed-{{training}}/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_normalizer/{{protocol}}/{{experiment}}/seed-{{training}}/{{source}}.tsv"
    wildcard_constraints:
        source=PAIR_SOURCES,
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("classify/classify_normalizer"),
    script:
        "../workflow_scripts/classify/classify_normalizer.py"


rule classify_evaluate:
    """Evaluate {wildcards.experiment}, seed {wildcards.training}, on real test images and write model.json"""
    input:
        unpack(set_files),
        unpack(originals_of_model),
        table=balanced_set,
        split=f"{RUN}/{{protocol}}/split.parquet",
        weights=f"{CLASSIFIER}/weights.safetensors",
        training=f"{CLASSIFIER}/training.json",
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=EXPERTS),
        inventories=expand(f"{RUN}/inventory/{{source}}.parquet", source=MERGING),
        stain=stain_weights_of_model,
        fields=RESOLVED_FIELDS,
        sizes=SIZES,
        catalogue=CATALOGUE,
    output:
        predictions=f"{CLASSIFIER}/predictions.parquet",
        calibration=f"{CLASSIFIER}/calibration.json",
        out_of_distribution=f"{CLASSIFIER}/out_of_distribution.safetensors",
        metrics=f"{CLASSIFIER}/metrics.json",
        expert_agreement=f"{CLASSIFIER}/expert_agreement.json",
        model=f"{CLASSIFIER}/model.json",
        card=f"{CLASSIFIER}/README.md",
    log:
        f"{RUN}/logs/classify_evaluate/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_evaluate/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: ONE_GPU * networks_to_run(wildcards),
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: training_settings(
            evaluation_settings, wildcards, protocol=wildcards.protocol
        ),
        code=lambda wildcards: model_code("classify/classify_evaluate", wildcards),
    script:
        "../workflow_scripts/classify/classify_evaluate.py"
