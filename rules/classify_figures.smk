# What classifiers do, in pictures: all of a page side by side, and each on its own.
#
# inputs   results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,history.jsonl}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{metrics,training}.json
#          results/<run>/{protocol}/{comparisons/{a}_and_{b}.json,stain/{normalizer}/images.{zip,parquet}}
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/[experiments/]figures/classify_{what}.svg
#          results/<run>/figures/classify_{confusion,examples,mistakes,classes}_{experiment}.svg


rule classify_figures:
    """Draw what was measured of classifiers, side by side (thesis Figs. 51 to 54, 58)"""
    input:
        metrics=on_page("metrics.json"),
        training=on_page("training.json"),
        histories=on_page("history.jsonl"),
        comparisons=comparison_files,
        reported=REPORTED,
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
    benchmark:
        f"{RUN}/benchmarks/classify_figures/{{page}}classify_figures.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(**page_settings(PLAN, wildcards.page)),
        code=own_code("classify/classify_figures"),
    script:
        "../workflow_scripts/classify/classify_figures.py"


rule classify_pictures:
    """Draw the confusion of {wildcards.experiment}, test images with confidences, and mistakes (thesis Figs. 55-57)"""
    input:
        images=real_set("zip"),
        index=real_set("parquet"),
        predictions=of_first("predictions.parquet"),
        metrics=of_first("metrics.json"),
        training=of_first("training.json"),
        reported=REPORTED,
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
    benchmark:
        f"{RUN}/benchmarks/classify_pictures/{{experiment}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            **experiment_figure_settings(PLAN, wildcards.experiment)
        ),
        code=own_code("classify/classify_pictures"),
    script:
        "../workflow_scripts/classify/classify_pictures.py"


rule classify_parts:
    """Draw each class with and without what {wildcards.experiment} leaves out (thesis Figs. 59 to 62)"""
    input:
        metrics=with_and_without("metrics.json"),
        training=with_and_without("training.json"),
        reported=REPORTED,
    output:
        figure=report(
            f"{RUN}/figures/classify_classes_{{experiment}}.svg",
            caption="../workflow_scripts/captions/classify_figures.rst",
            category="Classification",
        ),
    log:
        f"{RUN}/logs/classify_parts/{{experiment}}.log",
    benchmark:
        f"{RUN}/benchmarks/classify_parts/{{experiment}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(**ablation_figure_settings(PLAN, wildcards.experiment)),
        code=own_code("classify/classify_parts"),
    script:
        "../workflow_scripts/classify/classify_parts.py"
