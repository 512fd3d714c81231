# What classifiers said of the test images, measured and compared; and each of them to be used without the workflow.
#
# inputs   results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,calibration.json}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{weights,out_of_distribution}.safetensors
#          results/<run>/manifest/{source}.parquet, {protocol}/balanced/{recipe}/images.parquet,
#          {protocol}/stain/{normalizer}/weights.safetensors
# outputs  results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{metrics,expert_agreement}.json
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{model.json,card.md}
#          results/<run>/{protocol}/comparisons/{a}_and_{b}.json


rule classify_metrics:
    """Measure {wildcards.experiment}, seed {wildcards.training}, and experts on the same images"""
    input:
        predictions=f"{CLASSIFIER}/predictions.parquet",
        calibration=f"{CLASSIFIER}/calibration.json",
        manifest=f"{RUN}/manifest/{SOURCE_OF['b']}.parquet",
    output:
        metrics=f"{CLASSIFIER}/metrics.json",
        expert_agreement=f"{CLASSIFIER}/expert_agreement.json",
    log:
        f"{RUN}/logs/classify_metrics/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_metrics/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            **metrics_settings(PLAN, wildcards.experiment, int(wildcards.training))
        ),
        code=own_code("classify/classify_metrics"),
    script:
        "../workflow_scripts/classify/classify_metrics.py"


rule classify_model:
    """Make {wildcards.experiment}, seed {wildcards.training}, usable without the workflow"""
    input:
        table=balanced_set,
        weights=f"{CLASSIFIER}/weights.safetensors",
        out_of_distribution=f"{CLASSIFIER}/out_of_distribution.safetensors",
        training=f"{CLASSIFIER}/training.json",
        calibration=f"{CLASSIFIER}/calibration.json",
        metrics=f"{CLASSIFIER}/metrics.json",
        stain=stain_weights,
        catalogue=CONFIG.catalogue,
    output:
        model=f"{CLASSIFIER}/model.json",
        card=f"{CLASSIFIER}/card.md",
    log:
        f"{RUN}/logs/classify_model/{{protocol}}/{{experiment}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_model/{{protocol}}/{{experiment}}/seed-{{training}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            **deployment_settings(PLAN, wildcards.experiment, int(wildcards.training))
        ),
        code=own_code("classify/classify_model"),
    script:
        "../workflow_scripts/classify/classify_model.py"


rule classify_comparison:
    """Compare {wildcards.experiment} and {wildcards.other} on the same test images"""
    input:
        a=lambda wildcards: trainings_of(wildcards.experiment, "predictions.parquet"),
        b=lambda wildcards: trainings_of(wildcards.other, "predictions.parquet"),
    output:
        comparison=f"{RUN}/{{protocol}}/comparisons/{{experiment}}_and_{{other}}.json",
    log:
        f"{RUN}/logs/classify_comparison/{{protocol}}/{{experiment}}_and_{{other}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_comparison/{{protocol}}/{{experiment}}_and_{{other}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            **comparison_settings(PLAN, wildcards.experiment, wildcards.other)
        ),
        code=own_code("classify/classify_comparison"),
    script:
        "../workflow_scripts/classify/classify_comparison.py"
