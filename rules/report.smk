# Figures, and the page that shows the run.
#
# inputs   results/<run>/{inventory,manifest,images,tables}
#          workflow_scripts/hemabalance/report/{reported,titles}.yaml, page.html
# outputs  results/<run>/figures/*.svg, report.html

FIGURES = expand("contact_sheet_{source}", source=SOURCES) + ["copies_sheet"]


rule contact_sheet:
    """Draw a contact sheet of {wildcards.source}"""
    input:
        images=f"{RUN}/images/{{source}}.zip",
        index=f"{RUN}/images/{{source}}.parquet",
    output:
        figure=report(
            f"{RUN}/figures/contact_sheet_{{source}}.svg",
            caption="../workflow_scripts/captions/contact_sheet.rst",
            category="Images",
        ),
    log:
        f"{RUN}/logs/contact_sheet/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/contact_sheet/{{source}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("report/contact_sheet"),
    script:
        "../workflow_scripts/report/contact_sheet.py"


rule copies_sheet:
    """Draw each image that was set aside as a copy beside the one it copies"""
    input:
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
        images=expand(
            f"{RUN}/images/{{source}}{{kind}}.zip",
            source=SOURCES,
            kind=["", "_copies"],
        ),
        indexes=expand(
            f"{RUN}/images/{{source}}{{kind}}.parquet",
            source=SOURCES,
            kind=["", "_copies"],
        ),
    output:
        figure=report(
            f"{RUN}/figures/copies_sheet.svg",
            caption="../workflow_scripts/captions/copies_sheet.rst",
            category="Images",
        ),
    log:
        f"{RUN}/logs/copies_sheet/copies_sheet.log",
    benchmark:
        f"{RUN}/benchmarks/copies_sheet/copies_sheet.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("report/copies_sheet"),
    script:
        "../workflow_scripts/report/copies_sheet.py"


rule report:
    """Write the page that shows the run"""
    input:
        tables=lambda wildcards: expand(
            f"{RUN}/tables/{{name}}.csv",
            name=[*TABLES, "scale", *STAIN_TABLES, *SYNTHESIS_TABLES],
        )
        + expand(f"{RUN}/tables/split_{{protocol}}.csv", protocol=CONFIG.protocols)
        + tables_on(wildcards.page),
        figures=lambda wildcards: expand(
            f"{RUN}/figures/{{name}}.svg",
            name=[*FIGURES, *STAIN_FIGURES, *SYNTHESIS_FIGURES],
        )
        + figures_on(wildcards.page),
        headline=f"{PAGE}tables/headline.json",
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
            taxonomy=CONFIG.taxonomy,
            origins={name: entry.origin for name, entry in CONFIG.sources.items()},
        ),
        code=own_code("report/report"),
    script:
        "../workflow_scripts/report/report.py"
