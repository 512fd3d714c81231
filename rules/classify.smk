# Classifiers: train each on its balanced set, let it see the real test images once, and tell what it knows.
#
# inputs   results/<run>/{protocol}/balanced/{recipe}/images.parquet, and the image sets that it names
# outputs  results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{weights.safetensors,history.jsonl,training.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,calibration.json,out_of_distribution.safetensors}
#          data/weights/mobilenet_v2.safetensors


rule imagenet_weights:
    """Fetch the network whose frozen features logistic regression stands on, and check it"""
    output:
        weights=IMAGENET,
    log:
        f"{RUN}/logs/imagenet_weights/imagenet_weights.log",
    benchmark:
        f"{RUN}/benchmarks/imagenet_weights/imagenet_weights.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("metrics/imagenet_weights"),
    script:
        "../workflow_scripts/metrics/imagenet_weights.py"


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
        settings=lambda wildcards: of_training(model_settings, wildcards),
        code=lambda wildcards: model_code("classify/classify_fit", wildcards),
    script:
        "../workflow_scripts/classify/classify_fit.py"


rule classify_predict:
    """Predict real test images with {wildcards.experiment}, seed {wildcards.training}; describe its training images"""
    input:
        unpack(set_files),
        table=balanced_set,
        weights=f"{CLASSIFIER}/weights.safetensors",
    output:
        predictions=f"{CLASSIFIER}/predictions.parquet",
        calibration=f"{CLASSIFIER}/calibration.json",
        out_of_distribution=f"{CLASSIFIER}/out_of_distribution.safetensors",
    log:
        f"{RUN}/logs/classify_predict/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_predict/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: ONE_GPU * networks_to_run(wildcards),
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: of_training(prediction_settings, wildcards),
        code=lambda wildcards: model_code("classify/classify_predict", wildcards),
    script:
        "../workflow_scripts/classify/classify_predict.py"
