# The scarcity experiment: recipes compared where well-filled classes are cut to n training images.
#
# inputs   results/<run>/{scarce-<n>-<draw>,leak_free}/classifiers/{experiment}/seed-{n}/predictions.parquet
#          results/<run>/scarce-<n>-1/balanced/{recipe}/images.parquet of the recipes with synthetic images, and
#          results/<run>/scarce-<n>-1/{stain/{normalizer},synthesis/{normalizer}/{generator}}/images.{zip,parquet}
# outputs  results/<run>/scarcity/tables/{scores,differences,gap}.csv, tables/sentence.json, figures/curve.svg, report.html
#          results/<run>/scarcity/figures/added_{protocol}_{generator}_in_{recipe}.svg: contact sheets of what was added
#          in the first draw of each n


rule scarcity_report:
    """Compare the recipes of the scarcity experiment: tables, curve, contact sheets, the answer and its page"""
    input:
        **added_files(),
        predictions=scarcity_files("predictions.parquet"),
        template=TEMPLATE,
    output:
        scores=f"{SCARCITY}/tables/scores.csv",
        differences=f"{SCARCITY}/tables/differences.csv",
        gap=f"{SCARCITY}/tables/gap.csv",
        curve=f"{SCARCITY}/figures/curve.svg",
        sentence=f"{SCARCITY}/tables/sentence.json",
        page=f"{SCARCITY}/report.html",
        added=added_sheets(),
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
