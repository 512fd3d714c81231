# Predictions that need no training of their own: the average of several experiments, and what an experiment says of
# synthetic and of training images.
#
# inputs   results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,weights.safetensors}
#          results/<run>/{protocol}/balanced/{recipe}/images.parquet, and the image sets that it names
# outputs  results/<run>/{protocol}/classifiers/{average}/seed-{n}/{predictions.parquet,calibration.json,metrics.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{synthetic,training}_predictions.parquet


rule classify_average:
    """Average the predictions of several experiments as {wildcards.experiment}, seed {wildcards.training}"""
    input:
        members=predictions_of_members,
    output:
        predictions=f"{CLASSIFIER}/predictions.parquet",
        calibration=f"{CLASSIFIER}/calibration.json",
        metrics=f"{CLASSIFIER}/metrics.json",
    log:
        f"{RUN}/logs/classify_average/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_average/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    wildcard_constraints:
        experiment=one_of([*CONFIG.classify.averages, *PLAN.scarcity.averages]),
    conda:
        "../envs/cpu.yaml"
    params:
        settings=average_settings,
        code=own_code("classify/classify_average"),
    script:
        "../workflow_scripts/classify/classify_average.py"


rule classify_protocol_gain:
    """Predict synthetic and training images by {wildcards.experiment}, to see what they would add to its result"""
    input:
        unpack(set_files),
        table=balanced_set,
        gates=gate_files,
        weights=f"{CLASSIFIER}/weights.safetensors",
    output:
        synthetic=f"{CLASSIFIER}/synthetic_predictions.parquet",
        real_training=f"{CLASSIFIER}/training_predictions.parquet",
    log:
        f"{RUN}/logs/classify_protocol_gain/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_protocol_gain/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: ONE_GPU * networks_to_run(wildcards),
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: training_settings(protocol_gain_settings, wildcards),
        code=lambda wildcards: model_code("classify/classify_protocol_gain", wildcards),
    script:
        "../workflow_scripts/classify/classify_protocol_gain.py"
