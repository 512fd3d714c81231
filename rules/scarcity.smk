# The scarcity experiment: recipes compared where well-filled classes are cut to n training images.
#
# inputs   results/<run>/{scarce-<n>-<draw>,leak_free}/classifiers/{experiment}/seed-{n}/predictions.parquet
# outputs  results/<run>/scarcity/tables/{scores,differences,gap}.csv, tables/sentence.json, figures/curve.svg, report.html


rule scarcity_report:
    """Compare the recipes of the scarcity experiment: tables, curve, the sentence that answers, and its page"""
    input:
        predictions=scarcity_files("predictions.parquet"),
    output:
        scores=f"{SCARCITY}/tables/scores.csv",
        differences=f"{SCARCITY}/tables/differences.csv",
        gap=f"{SCARCITY}/tables/gap.csv",
        curve=f"{SCARCITY}/figures/curve.svg",
        sentence=f"{SCARCITY}/tables/sentence.json",
        page=f"{SCARCITY}/report.html",
    log:
        f"{RUN}/logs/scarcity_report/scarcity_report.log",
    benchmark:
        f"{RUN}/benchmarks/scarcity_report/scarcity_report.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(**scarcity_settings()),
        code=own_code("report/scarcity_report"),
    script:
        "../workflow_scripts/report/scarcity_report.py"
