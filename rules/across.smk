# The experiment across laboratories: models trained on labels of the reference alone predict images of
# the other sources.
#
# inputs   results/<run>/across-<reference>/classifiers/{experiment}/seed-{n}/{weights.safetensors,training.json}
#          results/<run>/across-<reference>/{split.parquet,stain/{normalizer}/images.{zip,parquet}}
#          results/<run>/across-<reference>/stain/{normalizer}/{source}/seen.parquet, results/<run>/manifest
# outputs  results/<run>/across-<reference>/across/{row}/seed-{n}/predictions.parquet: test images of the reference, and
#          all images of the other sources of its classes
#          results/<run>/across-<reference>/across/{row}/seed-{n}/pseudo_labels/{images.parquet,audit.json,accepted.json}:
#          of a row with whose predicted labels a model is trained, the balanced set of this training
#          results/<run>/across/tables/{scores,differences,classes}.csv, figures/{confusion,mistakes}.svg, report.html


rule classify_across:
    """Predict images of all sources by the model of {wildcards.row}, seed {wildcards.training}"""
    input:
        unpack(images_of_row),
        weights=lambda wildcards: training_of_row(wildcards, "weights.safetensors"),
        seen=seen_by_normalizer,
        split=f"{RUN}/{{protocol}}/split.parquet",
    output:
        predictions=ROW_PREDICTIONS,
    log:
        f"{RUN}/logs/classify_across/{{protocol}}/{{row}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_across/{{protocol}}/{{row}}/seed-{{training}}.tsv"
    wildcard_constraints:
        row=one_of(PLAN.across.predicted),
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=ONE_GPU,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(**running_settings(wildcards)),
        code=lambda wildcards: row_code("classify/classify_across", wildcards),
    script:
        "../workflow_scripts/classify/classify_across.py"


rule pseudo_labels:
    """Add images of other sources to those of the reference, as {wildcards.row} labels them, seed {wildcards.training}"""
    input:
        unpack(images_of_row),
        weights=lambda wildcards: training_of_row(wildcards, "weights.safetensors"),
        seen=seen_by_normalizer,
        split=f"{RUN}/{{protocol}}/split.parquet",
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
    output:
        table=f"{PSEUDO_LABELLED}/images.parquet",
        audit=f"{PSEUDO_LABELLED}/audit.json",
        accepted=f"{PSEUDO_LABELLED}/accepted.json",
    log:
        f"{RUN}/logs/pseudo_labels/{{protocol}}/{{row}}/seed-{{training}}.log",
    benchmark:
        f"{RUN}/benchmarks/pseudo_labels/{{protocol}}/{{row}}/seed-{{training}}.tsv"
    wildcard_constraints:
        row=one_of(PLAN.across.teachers.values()),
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=ONE_GPU,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            **running_settings(wildcards), **pseudo_label_settings(wildcards)
        ),
        code=lambda wildcards: row_code("classify/pseudo_labels", wildcards),
    script:
        "../workflow_scripts/classify/pseudo_labels.py"


rule across_average:
    """Average the predictions of several rows as {wildcards.row}, seed {wildcards.training}"""
    input:
        members=members_of_row,
    output:
        predictions=ROW_PREDICTIONS,
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


rule across_report:
    """Compare the rows of the experiment across laboratories: tables, figures, the answer and its page"""
    input:
        predictions=[row_file(*row) for row in PLAN.across.seeded_rows],
        trainings=[
            path for row in PLAN.across.seeded_rows for path in trainings_behind(*row)
        ],
        pseudo_labels=[
            pseudo_labelled(
                CONFIG.across.rows[row].pseudo_labels, seed, "accepted.json"
            )
            for row, seed in PLAN.across.pseudo_labelled
        ],
        split=f"{ACROSS_RUN}/split.parquet",
        images=f"{UNTOUCHED}/images.zip",
        index=f"{UNTOUCHED}/images.parquet",
        template=TEMPLATE,
    output:
        scores=f"{ACROSS}/tables/scores.csv",
        differences=f"{ACROSS}/tables/differences.csv",
        classes=f"{ACROSS}/tables/classes.csv",
        confusion=f"{ACROSS}/figures/confusion.svg",
        mistakes=f"{ACROSS}/figures/mistakes.svg",
        sentence=f"{ACROSS}/tables/sentence.json",
        page=f"{ACROSS}/report.html",
    log:
        f"{RUN}/logs/across_report/across_report.log",
    benchmark:
        f"{RUN}/benchmarks/across_report/across_report.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(**across_settings()),
        code=own_code("report/across_report"),
    script:
        "../workflow_scripts/report/across_report.py"
