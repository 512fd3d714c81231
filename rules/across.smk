# The experiment across laboratories: models trained on labels of the reference alone read images of the other sources.
#
# inputs   results/<run>/across-<reference>/classifiers/{experiment}/seed-{n}/{weights.safetensors,training.json}
#          results/<run>/across-<reference>/{split.parquet,stain/{normalizer}/images.{zip,parquet}}
# outputs  results/<run>/across-<reference>/across/{row}/seed-{n}/predictions.parquet: test images of the reference, and
#          all images of the other sources of its classes
#          results/<run>/across/tables/{scores,differences,classes}.csv, figures/{confusion,mistakes}.svg, report.html


rule classify_across:
    """Read images of all sources by the model of {wildcards.row}, seed {wildcards.training}"""
    input:
        unpack(images_of_row),
        weights=lambda wildcards: training_of_row(wildcards, "weights.safetensors"),
        split=f"{RUN}/{{protocol}}/split.parquet",
    output:
        predictions=READ,
    log:
        f"{RUN}/logs/classify_across/{{protocol}}/{{row}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_across/{{protocol}}/{{row}}/seed-{{training}}.tsv"
    wildcard_constraints:
        row=one_of(PLAN.across.read),
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=ONE_GPU,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            precision=CONFIG.precision, reading=row_settings(wildcards)
        ),
        code=row_code,
    script:
        "../workflow_scripts/classify/classify_across.py"


rule across_average:
    """Average the predictions of several rows as {wildcards.row}, seed {wildcards.training}"""
    input:
        members=members_of_row,
    output:
        predictions=READ,
    log:
        f"{RUN}/logs/across_average/{{protocol}}/{{row}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/across_average/{{protocol}}/{{row}}/seed-{{training}}.tsv"
    wildcard_constraints:
        row=one_of(PLAN.across.averages),
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("classify/across_average"),
    script:
        "../workflow_scripts/classify/across_average.py"
