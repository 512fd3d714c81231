# One physical scale for the sources with `field: auto`. Without such a source there are no jobs of these rules.
#
# inputs   the archives, results/<run>/manifest/{source}.parquet
# outputs  results/<run>/scale/{source}.json, results/<run>/fields.json, results/<run>/images/{source}{,_copies}.{zip,parquet}
from hemabalance.dataset.fields import AUTO, anchor_of, measured_sources

FIELDS = {name: entry.field for name, entry in CONFIG.sources.items()}
AUTO_SOURCES = [name for name in SOURCES if FIELDS[name] == AUTO]
# With the source whose scale those with `auto` get.
MEASURED = measured_sources(FIELDS, REFERENCE)
# Input of all rules that need the number of every source.
RESOLVED_FIELDS = [f"{RUN}/fields.json"] if AUTO_SOURCES else []
SIZES = expand(f"{RUN}/scale/{{source}}.json", source=MEASURED)


rule scale:
    """Measure the cells in a sample of the photographs of {wildcards.source}"""
    input:
        archive=lambda wildcards: archive_of(wildcards.source),
        manifest=f"{RUN}/manifest/{{source}}.parquet",
    output:
        sizes=f"{RUN}/scale/{{source}}.json",
    log:
        f"{RUN}/logs/scale/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/scale/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(MEASURED),
    conda:
        "../envs/cpu.yaml"
    threads: 8
    params:
        settings=settings("limits", "pixels", fit=CONFIG.images.fit),
        code=own_code("dataset/scale"),
    script:
        "../workflow_scripts/dataset/scale.py"


rule fields:
    """Choose the share of the frame of each source with which cells have one size"""
    input:
        sizes=SIZES,
    output:
        fields=f"{RUN}/fields.json",
    log:
        f"{RUN}/logs/fields/fields.log",
    benchmark:
        f"{RUN}/benchmarks/fields/fields.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(
            fields=FIELDS, measured=MEASURED, anchor=anchor_of(FIELDS, REFERENCE)
        ),
        code=own_code("dataset/fields"),
    script:
        "../workflow_scripts/dataset/fields.py"


# Not rule images with one more input: its jobs in runs without `auto` would have to be made again.
rule images_at_scale:
    """Resize the photographs of {wildcards.source} to the working size, at the scale of the other sources"""
    input:
        archive=lambda wildcards: archive_of(wildcards.source),
        manifest=f"{RUN}/manifest/{{source}}.parquet",
        fields=RESOLVED_FIELDS,
    output:
        kept=f"{RUN}/images/{{source}}.zip",
        kept_index=f"{RUN}/images/{{source}}.parquet",
        copies=f"{RUN}/images/{{source}}_copies.zip",
        copies_index=f"{RUN}/images/{{source}}_copies.parquet",
    log:
        f"{RUN}/logs/images_at_scale/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/images_at_scale/{{source}}.tsv"
    wildcard_constraints:
        source=one_of(AUTO_SOURCES),
    conda:
        "../envs/cpu.yaml"
    threads: 8
    params:
        settings=lambda wildcards: settings(
            "limits", "pixels", "images", source=wildcards.source
        ),
        code=own_code("dataset/images_at_scale"),
    script:
        "../workflow_scripts/dataset/images_at_scale.py"
