# What generators do, in pictures.
#
# inputs   results/<run>/{protocol}/synthesis/{normalizer}/{generator}/…
#          results/<run>/{protocol}/stain/{normalizer}/images.{zip,parquet}, {protocol}/split.parquet
# outputs  results/<run>/figures/synthesis_{sheet,strips,agreement,pairs}_{protocol}_{generator}_on_{normalizer}.svg


rule synthesis_sheet:
    """Draw images of {wildcards.generator} beside real ones under {wildcards.protocol} (thesis Fig. 47)"""
    input:
        **NORMALISED,
        drawn=f"{GENERATOR}/images.zip",
        drawn_index=f"{GENERATOR}/images.parquet",
        gate=f"{GENERATOR}/gate.parquet",
    output:
        figure=report(
            f"{RUN}/figures/synthesis_sheet_{{protocol}}_{{generator}}_on_{{normalizer}}.svg",
            caption="../workflow_scripts/captions/synthesis_sheet.rst",
            category="Synthesis",
        ),
    log:
        f"{RUN}/logs/synthesis_sheet/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_sheet/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            of=named(wildcards.normalizer, wildcards.generator),
        ),
        code=own_code("synthesis/synthesis_sheet"),
    script:
        "../workflow_scripts/synthesis/synthesis_sheet.py"


rule synthesis_strips:
    """Draw what {wildcards.generator} made along its training under {wildcards.protocol} (thesis Figs. 48-50)"""
    input:
        images=f"{GENERATOR}/snapshots.zip",
        index=f"{GENERATOR}/snapshots.parquet",
    output:
        figure=report(
            f"{RUN}/figures/synthesis_strips_{{protocol}}_{{generator}}_on_{{normalizer}}.svg",
            caption="../workflow_scripts/captions/synthesis_strips.rst",
            category="Synthesis",
        ),
    log:
        f"{RUN}/logs/synthesis_strips/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_strips/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            of=named(wildcards.normalizer, wildcards.generator),
        ),
        code=own_code("synthesis/synthesis_strips"),
    script:
        "../workflow_scripts/synthesis/synthesis_strips.py"


rule synthesis_agreement:
    """Draw how often the class of {wildcards.generator}'s images is recognised along training, {wildcards.protocol}"""
    input:
        metrics=f"{GENERATOR}/metrics.json",
        training=f"{GENERATOR}/training.json",
        gate=f"{GENERATOR}/gate.json",
    output:
        figure=report(
            f"{RUN}/figures/synthesis_agreement_{{protocol}}_{{generator}}_on_{{normalizer}}.svg",
            caption="../workflow_scripts/captions/synthesis_agreement.rst",
            category="Synthesis",
        ),
    log:
        f"{RUN}/logs/synthesis_agreement/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_agreement/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            generator=facts_of(wildcards.normalizer, wildcards.generator),
        ),
        code=own_code("synthesis/synthesis_agreement"),
    script:
        "../workflow_scripts/synthesis/synthesis_agreement.py"


rule synthesis_pairs:
    """Draw images of {wildcards.generator} beside the nearest training images under {wildcards.protocol}"""
    input:
        **NORMALISED,
        drawn=f"{GENERATOR}/images.zip",
        drawn_index=f"{GENERATOR}/images.parquet",
        neighbours=f"{GENERATOR}/neighbours.parquet",
    output:
        figure=report(
            f"{RUN}/figures/synthesis_pairs_{{protocol}}_{{generator}}_on_{{normalizer}}.svg",
            caption="../workflow_scripts/captions/synthesis_pairs.rst",
            category="Synthesis",
        ),
    log:
        f"{RUN}/logs/synthesis_pairs/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_pairs/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(
            of=named(wildcards.normalizer, wildcards.generator),
        ),
        code=own_code("synthesis/synthesis_pairs"),
    script:
        "../workflow_scripts/synthesis/synthesis_pairs.py"
