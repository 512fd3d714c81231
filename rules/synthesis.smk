# Synthesis: train generators on the training images of the protocol, sample images of each class, apply the gate.
#
# inputs   results/<run>/{protocol}/stain/{normalizer}/images.{zip,parquet}, {protocol}/split.parquet
# outputs  results/<run>/{protocol}/synthesis_judge/{normalizer}/{weights.safetensors,history.jsonl,training.json}
#          results/<run>/{protocol}/synthesis/{normalizer}/{generator}/{weights.safetensors,history.jsonl,training.json}
#          results/<run>/{protocol}/synthesis/{normalizer}/{generator}/{snapshots,images}.{zip,parquet}
#          results/<run>/{protocol}/synthesis/{normalizer}/{generator}/{gate.parquet,gate.json,features.safetensors}
#          seen.parquet beside both weights, gate_seen.parquet beside gate.parquet: the real images used

GENERATOR = f"{RUN}/{{protocol}}/synthesis/{{normalizer}}/{{generator}}"
SYNTHESIS_JUDGE = f"{RUN}/{{protocol}}/synthesis_judge/{{normalizer}}"
SYNTHESIS_REAL = {
    "real": f"{RUN}/{{protocol}}/synthesis_real/{{normalizer}}/real_images.parquet",
    "real_features": f"{RUN}/{{protocol}}/synthesis_real/{{normalizer}}/features.safetensors",
}
NORMALISED = {
    "images": f"{STAIN}/images.zip",
    "index": f"{STAIN}/images.parquet",
    "split": f"{RUN}/{{protocol}}/split.parquet",
}


rule synthesis_judge:
    """Train the independent classifier of synthetic images, on real training images only"""
    input:
        **NORMALISED,
    output:
        weights=f"{SYNTHESIS_JUDGE}/weights.safetensors",
        history=f"{SYNTHESIS_JUDGE}/history.jsonl",
        training=f"{SYNTHESIS_JUDGE}/training.json",
        seen=f"{SYNTHESIS_JUDGE}/seen.parquet",
    log:
        f"{RUN}/logs/synthesis_judge/{{protocol}}/{{normalizer}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_judge/{{protocol}}/{{normalizer}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=GPUS,
        device=CONFIG.device,
        devices=CONFIG.devices,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            precision=CONFIG.precision,
            classes=CLASSES,
            size=CONFIG.synthesis.size,
            classifier=CONFIG.synthesis.judge.model_dump(),
        ),
        code=own_code("synthesis/synthesis_judge"),
    script:
        "../workflow_scripts/synthesis/synthesis_judge.py"


rule synthesis_fit:
    """Train the generator {wildcards.generator} under the protocol {wildcards.protocol}"""
    input:
        unpack(teacher_of),
        unpack(judge_of),
        **NORMALISED,
    output:
        weights=f"{GENERATOR}/weights.safetensors",
        history=f"{GENERATOR}/history.jsonl",
        training=f"{GENERATOR}/training.json",
        seen=f"{GENERATOR}/seen.parquet",
        snapshots=f"{GENERATOR}/snapshots.zip",
        snapshot_index=f"{GENERATOR}/snapshots.parquet",
    log:
        f"{RUN}/logs/synthesis_fit/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_fit/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
    priority: 10
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=lambda wildcards: GPUS * trains_networks(wildcards.generator),
        device=CONFIG.device,
        devices=CONFIG.devices,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            precision=CONFIG.precision,
            **generator_settings(wildcards.generator),
            teacher_images=CONFIG.synthesis.teacher_images,
        ),
        code=lambda wildcards: generator_code(
            "synthesis/synthesis_fit", *with_teacher(wildcards.generator)
        ),
    script:
        "../workflow_scripts/synthesis/synthesis_fit.py"


rule synthesis_images:
    """Sample images from {wildcards.generator} until enough of each class pass the gate"""
    input:
        **NORMALISED,
        **SYNTHESIS_REAL,
        weights=f"{GENERATOR}/weights.safetensors",
        judge=f"{SYNTHESIS_JUDGE}/weights.safetensors",
        inception=INCEPTION,
        lpips=LPIPS,
    output:
        images=f"{GENERATOR}/images.zip",
        index=f"{GENERATOR}/images.parquet",
        gate=f"{GENERATOR}/gate.parquet",
        summary=f"{GENERATOR}/gate.json",
        features=f"{GENERATOR}/features.safetensors",
        seen=f"{GENERATOR}/gate_seen.parquet",
    log:
        f"{RUN}/logs/synthesis_images/{{protocol}}/{{normalizer}}/{{generator}}.log",
    benchmark:
        f"{RUN}/benchmarks/synthesis_images/{{protocol}}/{{normalizer}}/{{generator}}.tsv"
    conda:
        "../envs/cuda.yaml"
    threads: CONFIG.threads
    resources:
        gpu=ONE_GPU,
        device=CONFIG.device,
        devices=1,
    params:
        settings=lambda wildcards: settings(
            protocol=wildcards.protocol,
            precision=CONFIG.precision,
            **generator_settings(wildcards.generator),
            request={
                "draws": PLAN.draws(wildcards.generator).model_dump(),
                "gate": CONFIG.synthesis.gate.model_dump(exclude={"references"}),
            },
        ),
        code=lambda wildcards: generator_code(
            "synthesis/synthesis_images", wildcards.generator
        ),
    script:
        "../workflow_scripts/synthesis/synthesis_images.py"
