# What classifiers do, in numbers and pictures. A page is a folder of the run: the run itself, or experiments/.
#
# inputs   results/<run>/{protocol}/balanced/{recipe}/audit.json
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/…, {protocol}/comparisons/{a}_and_{b}.json
# outputs  results/<run>/[experiments/]tables/{balance,classify}_{what}.csv, tables/headline.json
#          results/<run>/[experiments/]figures/{balance,classify}_{what}.svg


rule balance_tables:
    """Table and draw the balanced sets, and what their audits found"""
    input:
        audits=lambda wildcards: audits_on(wildcards.page),
    output:
        **{
            kind: report(
                f"{PAGE}tables/balance_{kind}.csv",
                caption="../workflow_scripts/captions/balance_tables.rst",
                category="Balanced sets",
            )
            for kind in BALANCE_TABLES
        },
        **{
            f"images_{protocol}": report(
                f"{PAGE}figures/balance_images_{protocol}.svg",
                caption="../workflow_scripts/captions/balance_images.rst",
                category="Balanced sets",
            )
            for protocol in EXPERIMENT_PROTOCOLS
        },
    log:
        f"{RUN}/logs/balance_tables/{{page}}balance_tables.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        settings=settings(),
        code=code("balance_tables"),
    script:
        "../workflow_scripts/balance_tables.py"


rule classify_tables:
    """Table what was measured of classifiers, and answer the question that the page opens with"""
    input:
        metrics=on_page("metrics.json"),
        training=on_page("training.json"),
        yardsticks=on_page("yardstick.json"),
        comparisons=comparison_files,
    output:
        **{
            kind: report(
                f"{PAGE}tables/classify_{kind}.csv",
                caption="../workflow_scripts/captions/classify_tables.rst",
                category="Classification",
            )
            for kind in CLASSIFY_TABLES
        },
        headline=f"{PAGE}tables/headline.json",
    log:
        f"{RUN}/logs/classify_tables/{{page}}classify_tables.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        settings=page_settings,
        code=code("classify_tables"),
    script:
        "../workflow_scripts/classify_tables.py"


rule classify_figures:
    """Draw what was measured of classifiers, side by side (thesis Figs. 51 to 54, 58)"""
    input:
        metrics=on_page("metrics.json"),
        training=on_page("training.json"),
        histories=on_page("history.jsonl"),
        comparisons=comparison_files,
    output:
        **{
            kind: report(
                f"{PAGE}figures/classify_{kind}.svg",
                caption="../workflow_scripts/captions/classify_figures.rst",
                category="Classification",
            )
            for kind in CLASSIFY_FIGURES
        },
    log:
        f"{RUN}/logs/classify_figures/{{page}}classify_figures.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=page_settings,
        code=code("classify_figures"),
    script:
        "../workflow_scripts/classify_figures.py"


rule classify_pictures:
    """Draw the confusion of {wildcards.experiment}, test images with confidences, and mistakes (thesis Figs. 55-57)"""
    input:
        images=lambda wildcards: real_set(wildcards.experiment, "zip"),
        index=lambda wildcards: real_set(wildcards.experiment, "parquet"),
        predictions=lambda wildcards: trainings_of(
            wildcards.experiment, "predictions.parquet"
        )[0],
        metrics=lambda wildcards: trainings_of(wildcards.experiment, "metrics.json")[0],
        training=lambda wildcards: trainings_of(wildcards.experiment, "training.json")[
            0
        ],
    output:
        confusion=report(
            f"{RUN}/figures/classify_confusion_{{experiment}}.svg",
            caption="../workflow_scripts/captions/classify_confusion.rst",
            category="Classification",
        ),
        examples=report(
            f"{RUN}/figures/classify_examples_{{experiment}}.svg",
            caption="../workflow_scripts/captions/classify_examples.rst",
            category="Classification",
        ),
        mistakes=report(
            f"{RUN}/figures/classify_mistakes_{{experiment}}.svg",
            caption="../workflow_scripts/captions/classify_examples.rst",
            category="Classification",
        ),
    log:
        f"{RUN}/logs/classify_pictures/{{experiment}}.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: settings(
            of=heading_of(wildcards.experiment),
            experiment={
                **experiment_facts(wildcards.experiment),
                "seed": EXPERIMENTS[wildcards.experiment].seeds[0],
            },
        ),
        code=code("classify_pictures"),
    script:
        "../workflow_scripts/classify_pictures.py"


rule classify_parts:
    """Draw each class with and without what {wildcards.experiment} leaves out (thesis Figs. 59 to 62)"""
    input:
        metrics=with_and_without("metrics.json"),
        training=with_and_without("training.json"),
    output:
        figure=report(
            f"{RUN}/figures/classify_classes_{{experiment}}.svg",
            caption="../workflow_scripts/captions/classify_figures.rst",
            category="Classification",
        ),
    log:
        f"{RUN}/logs/classify_parts/{{experiment}}.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        settings=part_settings,
        code=code("classify_parts"),
    script:
        "../workflow_scripts/classify_parts.py"
