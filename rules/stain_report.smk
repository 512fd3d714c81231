# What normalisers do, in numbers and pictures. Of which normalisers, differs by protocol: one rule a protocol.
#
# inputs   results/<run>/{protocol}/stain/{normalizer}/{metrics.json,training.json,history.jsonl,weights.safetensors}
#          results/<run>/images/…, {protocol}/split.parquet
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/tables/stain_{what}_{protocol}.csv
#          results/<run>/figures/stain_{methods,audit,losses}_{protocol}.svg, stain_rows_{protocol}_{normalizer}.svg

STAIN_KINDS = ["usefulness", "truth", "audit", "fid", "ssim", "structure", "cost", "is"]
STAIN_PICTURES = ["methods", "audit", "losses"]
WITH_STAIN = [protocol for protocol, names in COMPARED.items() if names]
STAIN_TABLES = expand("stain_{kind}_{protocol}", kind=STAIN_KINDS, protocol=WITH_STAIN)
STAIN_FIGURES = expand(
    "stain_{kind}_{protocol}", kind=STAIN_PICTURES, protocol=WITH_STAIN
) + [
    f"stain_rows_{protocol}_{name}"
    for protocol in WITH_STAIN
    for name in CHANGING[protocol]
]

for _protocol in WITH_STAIN:

    rule:
        """Table and draw what the normalisers do that are compared (thesis Tables 13-16, Figs. 40-46)"""
        name:
            f"stain_report_{_protocol}"
        input:
            **IMAGES,
            split=f"{RUN}/{_protocol}/split.parquet",
            metrics=of_normalizers(_protocol, COMPARED[_protocol], "metrics.json"),
            training=of_normalizers(_protocol, COMPARED[_protocol], "training.json"),
            weights=of_normalizers(
                _protocol, CHANGING[_protocol], "weights.safetensors"
            ),
            histories=of_normalizers(_protocol, TRAINED[_protocol], "history.jsonl"),
            reported=REPORTED,
        output:
            **{
                f"table_{kind}": report(
                    f"{RUN}/tables/stain_{kind}_{_protocol}.csv",
                    caption="../workflow_scripts/captions/stain_tables.rst",
                    category="Stain",
                )
                for kind in STAIN_KINDS
            },
            **{
                kind: report(
                    f"{RUN}/figures/stain_{kind}_{_protocol}.svg",
                    caption=f"../workflow_scripts/captions/stain_{kind}.rst",
                    category="Stain",
                )
                for kind in STAIN_PICTURES
            },
            **{
                f"rows_{name}": report(
                    f"{RUN}/figures/stain_rows_{_protocol}_{name}.svg",
                    caption="../workflow_scripts/captions/stain_rows.rst",
                    category="Stain",
                )
                for name in CHANGING[_protocol]
            },
        log:
            f"{RUN}/logs/stain_report/{_protocol}.log",
        benchmark:
            f"{RUN}/benchmarks/stain_report/{_protocol}.tsv"
        conda:
            "../envs/cuda.yaml"
        threads: CONFIG.threads
        resources:
            gpu=ONE_GPU,
            device=CONFIG.device,
            devices=1,
        params:
            settings=settings(
                protocol=_protocol,
                precision=CONFIG.precision,
                normalizers=METHODS_COMPARED[_protocol],
                changing=[
                    {"name": name, "normalizer": NORMALIZERS[name].plain}
                    for name in CHANGING[_protocol]
                ],
                trained=TRAINED[_protocol],
            ),
            code=stain_report_code(_protocol),
        script:
            "../workflow_scripts/stain/stain_report.py"
