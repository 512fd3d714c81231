# Tables and figures of the archives, and the page of the run.
#
# inputs   results/<run>/{inventory,manifest,images,scale,tables,figures}, {protocol}/split.parquet
#          workflow_scripts/hemabalance/report/{reported,titles}.yaml, page.html
# outputs  results/<run>/tables/*.csv, figures/{contact_sheet_{source},copies_sheet,diameters}.svg, report.html

from hemabalance.classes import UNLABELLED

TABLES = expand("{kind}_{source}", kind=["collected", "removed"], source=SOURCES) + [
    "final_counts",
    "statuses",
]
SPLITS = expand("split_{protocol}", protocol=CONFIG.protocols)
SHEETS = expand("contact_sheet_{source}", source=SOURCES)
# Tables and figures of the archives, by caption.
DATASET_TABLES = {
    "count_tables": TABLES,
    "scale_table": ["scale"],
    "split_table": SPLITS,
}
DATASET_FIGURES = {
    "contact_sheet": SHEETS,
    "copies_sheet": ["copies_sheet"],
    "diameters": ["diameters"],
}
# Labels of each source, the rows of its tables of counts.
LABELS = {
    name: (sorted(entry.classes) or CLASSES) if entry.labelled else [UNLABELLED]
    for name, entry in CONFIG.sources.items()
}
DATASET_SETS = expand("{source}{kind}", source=SOURCES, kind=["", "_copies"])


rule dataset_report:
    """Count images by class, table each source's scale, draw contact sheets and copies (thesis Tables 2-6)"""
    input:
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
        splits=expand(f"{RUN}/{{protocol}}/split.parquet", protocol=CONFIG.protocols),
        images=expand(f"{RUN}/images/{{name}}.zip", name=DATASET_SETS),
        indexes=expand(f"{RUN}/images/{{name}}.parquet", name=DATASET_SETS),
        fields=RESOLVED_FIELDS,
        sizes=SIZES,
        reported=REPORTED,
    output:
        **{
            name: report(
                f"{RUN}/tables/{name}.csv",
                caption=f"../workflow_scripts/captions/{caption}.rst",
                category="Counts",
            )
            for caption, names in DATASET_TABLES.items()
            for name in names
        },
        **{
            name: report(
                f"{RUN}/figures/{name}.svg",
                caption=f"../workflow_scripts/captions/{caption}.rst",
                category="Images",
            )
            for caption, names in DATASET_FIGURES.items()
            for name in names
        },
    log:
        f"{RUN}/logs/dataset_report/dataset_report.log",
    benchmark:
        f"{RUN}/benchmarks/dataset_report/dataset_report.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(
            vocabulary={
                "labels": LABELS,
                "classes": CLASSES,
                "preset": PRESET,
            },
            protocols=CONFIG.protocols,
            sets=DATASET_SETS,
            fields=FIELDS,
        ),
        code=own_code("report/dataset_report"),
    script:
        "../workflow_scripts/report/dataset_report.py"


rule report:
    """Write the page of the run"""
    input:
        tables=lambda wildcards: expand(
            f"{RUN}/tables/{{name}}.csv",
            name=[*TABLES, "scale", *SPLITS],
        )
        + of_page(wildcards.page, "tables", STAIN_TABLES + SYNTHESIS_TABLES)
        + on_page(wildcards.page, ".csv"),
        figures=lambda wildcards: expand(
            f"{RUN}/figures/{{name}}.svg",
            name=[*SHEETS, "copies_sheet", "diameters"],
        )
        + expand(OUTLINES, source=SOURCES)
        + of_page(wildcards.page, "figures", STAIN_FIGURES + SYNTHESIS_FIGURES)
        + on_page(wildcards.page, ".svg"),
        headline=f"{PAGE}tables/headline.json",
        recommendation=f"{PAGE}tables/recommendation.json",
        receipts=expand(f"{RUN}/inventory/{{source}}.json", source=SOURCES),
        titles=TITLES,
        template=TEMPLATE,
        reported=REPORTED,
    output:
        page=f"{PAGE}report.html",
    log:
        f"{RUN}/logs/report/{{page}}report.log",
    benchmark:
        f"{RUN}/benchmarks/report/{{page}}report.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(
            run=CONFIG.run,
            preset=PRESET,
            taxonomy=CONFIG.taxonomy,
            origins={name: entry.origin for name, entry in CONFIG.sources.items()},
        ),
        code=own_code("report/report"),
    script:
        "../workflow_scripts/report/report.py"
