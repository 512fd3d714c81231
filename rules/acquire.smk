# Archives.
#
# inputs   data/sources.yaml
# outputs  results/<run>/phantom/{source}.zip, or the archive at the place that config.yaml names
#
# An archive that is already there is nobody's output: no rule here may delete what a person placed or what took an
# hour to download. So `download` and `place` exist only for an archive that is missing.


rule phantom:
    """Render the archive {wildcards.source} in its public layout"""
    input:
        catalogue=CONFIG.catalogue,
    output:
        archive=f"{RUN}/phantom/{{source}}.zip",
    log:
        f"{RUN}/logs/phantom/{{source}}.log",
    benchmark:
        f"{RUN}/benchmarks/phantom/{{source}}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: CONFIG.threads
    params:
        settings=settings("phantom"),
        code=own_code("sources/phantom"),
    script:
        "../workflow_scripts/sources/phantom.py"


for _source, _entry in CONFIG.sources.items():
    if _entry.origin == "phantom" or Path(_entry.archive).exists():
        continue

    if _entry.origin == "download":

        rule:
            name:
                f"download_{_source}"
            input:
                catalogue=CONFIG.catalogue,
            output:
                archive=_entry.archive,
            log:
                f"{RUN}/logs/download/{_source}.log",
            benchmark:
                f"{RUN}/benchmarks/download/{_source}.tsv"
            conda:
                "../envs/cpu.yaml"
            params:
                source=_source,
                settings=settings("download", "limits"),
                code="",
            message:
                f"Download the archive of {_source}"
            script:
                "../workflow_scripts/sources/download.py"

    else:

        rule:
            name:
                f"place_{_source}"
            input:
                catalogue=CONFIG.catalogue,
            output:
                archive=_entry.archive,
            log:
                f"{RUN}/logs/place/{_source}.log",
            benchmark:
                f"{RUN}/benchmarks/place/{_source}.tsv"
            conda:
                "../envs/cpu.yaml"
            params:
                source=_source,
                settings=settings(),
                code="",
            message:
                f"Look for the archive of {_source}"
            script:
                "../workflow_scripts/sources/place.py"
