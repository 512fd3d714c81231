# From archives to a manifest and image sets. Later stages do not read archives.
#
# inputs   the archives, tables of labels beside them, data/sources.yaml, data/exclusions.csv
# outputs  results/<run>/{inventory,manifest}/{source}.parquet, results/<run>/images/{source}{,_copies}.{zip,parquet}


# The table of a source's labels, if it is a file; it may also be a member of the archive.
with without_traceback():
    LABEL_TABLES = {
        name: [input_path(entry.labels.table, STATE)]
        for name, entry in CONFIG.sources.items()
        if entry.labels.table and Path(entry.labels.table).is_file()
    }


RENDERED_SOURCES = {
    name for name, entry in CONFIG.sources.items() if entry.origin == "phantom"
}
# Own and rendered sources are not in the catalogue, even under the name of a public archive.
IN_CATALOGUE = set(SOURCES if PRESET != "none" else []) - RENDERED_SOURCES


rule inventory:
    """Read every member of the archive {wildcards.source} once"""
    input:
        archive=lambda wildcards: archive_of(wildcards.source),
        label_table=lambda wildcards: LABEL_TABLES.get(wildcards.source, []),
        catalogue=CATALOGUE,
    output:
        table=f"{RUN}/inventory/{{source}}.parquet",
        receipt=f"{RUN}/inventory/{{source}}.json",
    log:
        f"{RUN}/logs/inventory/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/inventory/{{source}}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 8
    params:
        settings=lambda wildcards: settings(
            "limits",
            "pixels",
            source=CONFIG.sources[wildcards.source].label_settings,
            ids=CONFIG.sources[wildcards.source].ids,
            public_name=wildcards.source if wildcards.source in IN_CATALOGUE else "",
            is_rendered=wildcards.source in RENDERED_SOURCES,
            # Of a source with a map of its own, only its own labels matter.
            classes=() if CONFIG.sources[wildcards.source].classes else CONFIG.classes,
        ),
        code=own_code("sources/inventory"),
    script:
        "../workflow_scripts/sources/inventory.py"


rule manifest:
    """Label all members, find copies within and across sources, and decide which images are kept"""
    input:
        tables=expand(f"{RUN}/inventory/{{source}}.parquet", source=SOURCES),
        exclusions=EXCLUSIONS,
    output:
        manifests=expand(f"{RUN}/manifest/{{source}}.parquet", source=SOURCES),
    log:
        f"{RUN}/logs/manifest/manifest.log",
    benchmark:
        f"{RUN}/benchmarks/manifest/manifest.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 8
    params:
        settings=settings(
            "duplicates",
            sources={
                name: entry.label_settings for name, entry in CONFIG.sources.items()
            },
            classes=CONFIG.classes,
            allow_unclaimed=CONFIG.allow_unclaimed,
        ),
        code=own_code("dataset/manifest"),
    script:
        "../workflow_scripts/dataset/manifest.py"


rule images:
    """Resize the photographs of {wildcards.source} to the working size"""
    input:
        archive=lambda wildcards: archive_of(wildcards.source),
        manifest=f"{RUN}/manifest/{{source}}.parquet",
        fields=lambda wildcards: (
            RESOLVED_FIELDS if wildcards.source in AUTO_SOURCES else []
        ),
    output:
        kept=f"{RUN}/images/{{source}}.zip",
        kept_index=f"{RUN}/images/{{source}}.parquet",
        copies=f"{RUN}/images/{{source}}_copies.zip",
        copies_index=f"{RUN}/images/{{source}}_copies.parquet",
    log:
        f"{RUN}/logs/images/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/images/{{source}}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: 8
    params:
        settings=lambda wildcards: settings(
            "limits",
            "pixels",
            "images",
            source=wildcards.source,
            field=FIELDS[wildcards.source],
        ),
        code=own_code("dataset/images"),
    script:
        "../workflow_scripts/dataset/images.py"
