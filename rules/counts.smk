# Counts, reported beside measured, and the scale of each source.
#
# inputs   results/<run>/manifest/{source}.parquet, images/{source}.{zip,parquet}, {protocol}/split.parquet
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/tables/*.csv

TABLES = expand("collected_{source}", source=SOURCES) + expand(
    "removed_{source}", source=SOURCES
)
TABLES += ["final_counts", "statuses"]


rule count_tables:
    """Count images by class: reported beside measured (thesis Tables 2-6)"""
    input:
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
        reported=REPORTED,
    output:
        **{
            name: report(
                f"{RUN}/tables/{name}.csv",
                caption="../workflow_scripts/captions/count_tables.rst",
                category="Counts",
            )
            for name in TABLES
        },
    log:
        f"{RUN}/logs/count_tables/count_tables.log",
    benchmark:
        f"{RUN}/benchmarks/count_tables/count_tables.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(taxonomy=CONFIG.taxonomy),
        code=own_code("report/count_tables"),
    script:
        "../workflow_scripts/report/count_tables.py"


rule split_table:
    """Count images by class, source and part of the split {wildcards.protocol}"""
    input:
        split=f"{RUN}/{{protocol}}/split.parquet",
    output:
        table=report(
            f"{RUN}/tables/split_{{protocol}}.csv",
            caption="../workflow_scripts/captions/split_table.rst",
            category="Counts",
        ),
    log:
        f"{RUN}/logs/split_table/{{protocol}}.log",
    benchmark:
        f"{RUN}/benchmarks/split_table/{{protocol}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("report/split_table"),
    script:
        "../workflow_scripts/report/split_table.py"


rule scale_table:
    """Measure how large each source shows its red cells"""
    input:
        images=expand(f"{RUN}/images/{{source}}.zip", source=SOURCES),
        indexes=expand(f"{RUN}/images/{{source}}.parquet", source=SOURCES),
    output:
        table=report(
            f"{RUN}/tables/scale.csv",
            caption="../workflow_scripts/captions/scale_table.rst",
            category="Counts",
        ),
    log:
        f"{RUN}/logs/scale_table/scale_table.log",
    benchmark:
        f"{RUN}/benchmarks/scale_table/scale_table.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(
            fields={name: entry.field for name, entry in CONFIG.sources.items()}
        ),
        code=own_code("report/scale_table"),
    script:
        "../workflow_scripts/report/scale_table.py"
