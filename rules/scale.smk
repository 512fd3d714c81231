# The size of the cells of each source, and one physical scale for the sources with `field: auto`.
#
# inputs   the archives, results/<run>/manifest/{source}.parquet
# outputs  results/<run>/scale/{source}.json, scale/outlines_{source}.webp (what was measured)
#          results/<run>/fields.json, if any source has `field: auto`
from hemabalance.dataset.fields import AUTO, anchor_of, measured_sources

FIELDS = {name: entry.field for name, entry in CONFIG.sources.items()}
AUTO_SOURCES = [name for name in SOURCES if FIELDS[name] == AUTO]
# With the source whose scale those with `auto` get.
COMPARED_SIZES = measured_sources(FIELDS, REFERENCE)
# Input of all rules that need the number of every source.
RESOLVED_FIELDS = [f"{RUN}/fields.json"] if AUTO_SOURCES else []
SIZE = f"{RUN}/scale/{{source}}.json"
SIZES = expand(SIZE, source=SOURCES)
# Pictures of what was measured.
OUTLINES = f"{RUN}/scale/outlines_{{source}}.webp"


rule scale:
    """Measure the cells in a sample of the photographs of {wildcards.source}"""
    input:
        archive=lambda wildcards: archive_of(wildcards.source),
        manifest=f"{RUN}/manifest/{{source}}.parquet",
    output:
        sizes=SIZE,
        outlines=report(
            OUTLINES,
            caption="../workflow_scripts/captions/outlines.rst",
            category="Images",
        ),
    log:
        f"{RUN}/logs/scale/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/scale/{{source}}.tsv"
    # A sample of some hundred photographs: one thread is enough, and jobs for which others wait come first.
    priority: -1
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings("limits", "pixels", fit=CONFIG.images.fit),
        code=own_code("dataset/scale"),
    script:
        "../workflow_scripts/dataset/scale.py"


rule fields:
    """Choose the share of the frame of each source with which cells have one size"""
    input:
        sizes=expand(SIZE, source=COMPARED_SIZES),
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
            fields=FIELDS,
            measured=COMPARED_SIZES,
            anchor=anchor_of(FIELDS, REFERENCE),
        ),
        code=own_code("dataset/fields"),
    script:
        "../workflow_scripts/dataset/fields.py"
