# Classifiers: train each on its balanced set, let it see the real test images once, measure what it said.
#
# inputs   results/<run>/{protocol}/balanced/{recipe}/images.parquet, and the image sets that it names
# outputs  results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{weights.safetensors,history.jsonl,training.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,{calibration,metrics,yardstick}.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{unlike.safetensors,model.json,card.md}
#          data/weights/mobilenet_v2.safetensors

IMAGENET = "data/weights/mobilenet_v2.safetensors"
CLASSIFIER = f"{RUN}/{{protocol}}/classifiers/{{experiment}}/seed-{{training}}"


rule imagenet_weights:
    """Fetch the network whose frozen features logistic regression stands on, and check it"""
    output:
        weights=IMAGENET,
    log:
        f"{RUN}/logs/imagenet_weights/imagenet_weights.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=settings(),
        code=code("imagenet_weights"),
    script:
        "../workflow_scripts/imagenet_weights.py"


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
        mem_mb=24000,
        gpu=GPUS,
        device=CONFIG.device,
        devices=CONFIG.devices,
    params:
        settings=lambda wildcards: settings(**model_settings(wildcards)),
        code=lambda wildcards: code("classify_fit", model_module(wildcards)),
    script:
        "../workflow_scripts/classify_fit.py"


rule classify_predict:
    """Predict the real test images with {wildcards.experiment}, seed {wildcards.training}"""
    input:
        unpack(set_files),
        table=balanced_set,
        weights=f"{CLASSIFIER}/weights.safetensors",
    output:
        predictions=f"{CLASSIFIER}/predictions.parquet",
        calibration=f"{CLASSIFIER}/calibration.json",
    log:
        f"{RUN}/logs/classify_predict/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_predict/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        mem_mb=16000,
        gpu=GPUS,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(**model_settings(wildcards)),
        code=lambda wildcards: code("classify_predict", model_module(wildcards)),
    script:
        "../workflow_scripts/classify_predict.py"


rule classify_metrics:
    """Measure {wildcards.experiment}, seed {wildcards.training}, and experts on the same images"""
    input:
        predictions=f"{CLASSIFIER}/predictions.parquet",
        calibration=f"{CLASSIFIER}/calibration.json",
        manifest=f"{RUN}/manifest/{SOURCE_OF['b']}.parquet",
    output:
        metrics=f"{CLASSIFIER}/metrics.json",
        yardstick=f"{CLASSIFIER}/yardstick.json",
    log:
        f"{RUN}/logs/classify_metrics/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: settings(
            experiment=wildcards.experiment,
            protocol=wildcards.protocol,
            training=int(wildcards.training),
            taxonomy=CONFIG.taxonomy,
        ),
        code=code("classify_metrics"),
    script:
        "../workflow_scripts/classify_metrics.py"


rule classify_model:
    """Make {wildcards.experiment}, seed {wildcards.training}, usable without the workflow"""
    input:
        unpack(set_files),
        table=balanced_set,
        weights=f"{CLASSIFIER}/weights.safetensors",
        training=f"{CLASSIFIER}/training.json",
        calibration=f"{CLASSIFIER}/calibration.json",
        metrics=f"{CLASSIFIER}/metrics.json",
        stain=stain_weights,
        catalogue=CONFIG.catalogue,
    output:
        unlike=f"{CLASSIFIER}/unlike.safetensors",
        model=f"{CLASSIFIER}/model.json",
        card=f"{CLASSIFIER}/card.md",
    log:
        f"{RUN}/logs/classify_model/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        mem_mb=16000,
        gpu=GPUS,
        device=CONFIG.device,
        devices=1,
    params:
        settings=bundle_settings,
        code=lambda wildcards: code("classify_model", model_module(wildcards)),
    script:
        "../workflow_scripts/classify_model.py"


rule classify_comparison:
    """Compare {wildcards.experiment} and {wildcards.other} on the same test images"""
    input:
        a=lambda wildcards: trainings_of(wildcards.experiment, "predictions.parquet"),
        b=lambda wildcards: trainings_of(wildcards.other, "predictions.parquet"),
    output:
        comparison=f"{RUN}/{{protocol}}/comparisons/{{experiment}}_and_{{other}}.json",
    log:
        f"{RUN}/logs/classify_comparison/{{protocol}}/{{experiment}}_and_{{other}}.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: settings(
            names=[wildcards.experiment, wildcards.other],
            seeds=[
                EXPERIMENTS[name].seeds
                for name in (wildcards.experiment, wildcards.other)
            ],
        ),
        code=code("classify_comparison"),
    script:
        "../workflow_scripts/classify_comparison.py"
