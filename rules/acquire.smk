# Archives and pretrained networks.
#
# inputs   data/sources.yaml
# outputs  results/<run>/phantom/{source}.zip, or the archive at the path in config.yaml
#          data/weights/{inception,lpips,mobilenet_v2}.safetensors
#
# An archive that exists is not the output of any rule, so Snakemake never deletes a file that a person placed or that
# took an hour to download. The rules `download` and `place` exist only for a missing archive.

from hemabalance.config.rendered import rendered_laboratory

INCEPTION = "data/weights/inception.safetensors"
LPIPS = "data/weights/lpips.safetensors"
IMAGENET = "data/weights/mobilenet_v2.safetensors"


rule pretrained_weights:
    """Fetch pretrained networks: Inception (FID, KID), LPIPS, and MobileNetV2 for logistic regression"""
    output:
        inception=INCEPTION,
        lpips=LPIPS,
        imagenet=IMAGENET,
    log:
        f"{RUN}/logs/pretrained_weights/pretrained_weights.log",
    benchmark:
        f"{RUN}/benchmarks/pretrained_weights/pretrained_weights.tsv"
    # Later than the archives, for which all other jobs wait.
    priority: -1
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("metrics/pretrained_weights"),
    script:
        "../workflow_scripts/metrics/pretrained_weights.py"


rule phantom:
    """Render the archive of {wildcards.source}"""
    input:
        catalogue=CATALOGUE,
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
        settings=lambda wildcards: settings(
            "phantom",
            laboratory=rendered_laboratory(CONFIG, wildcards.source),
            classes=CLASSES,
        ),
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
                catalogue=CATALOGUE,
            output:
                archive=archive_of(_source),
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
                catalogue=CATALOGUE,
            output:
                archive=archive_of(_source),
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
