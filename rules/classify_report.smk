# Tables and figures of balanced sets and classifiers. A page is a folder of the run: the run itself, or experiments/.
# The outputs differ by page, so each page has a rule of its own.
#
# inputs   results/<run>/{protocol}/balanced/{recipe}/audit.json, {protocol}/stain/{normalizer}/images.{zip,parquet}
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{metrics,training,expert_agreement}.json
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{predictions.parquet,history.jsonl}, also of the
#          recommended average
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/[experiments/]tables/{balance,classify}_{what}.csv,
#          tables/{headline,metrics,recommendation}.json
#          results/<run>/[experiments/]figures/balance_images_{protocol}.svg, classify_{what}.svg
#          results/<run>/[experiments/]figures/classify_{confusion,examples,mistakes,classes}_{experiment}.svg
#          results/<run>/[experiments/]comparisons/{a}_and_{b}.json

for _page in PLAN.pages:

    rule:
        """Write comparisons, tables and figures of classifiers and balanced sets"""
        name:
            "_".join(["classify_report", *_page.split("/")[:-1]])
        input:
            audits=audits_on(_page),
            metrics=trainings_on(_page, "metrics.json"),
            training=trainings_on(_page, "training.json"),
            predictions=trainings_on(_page, "predictions.parquet"),
            expert_agreements=trainings_on(_page, "expert_agreement.json"),
            histories=trainings_on(_page, "history.jsonl"),
            synthetic=other_parts_on(_page, "synthetic"),
            real_training=other_parts_on(_page, "training"),
            recommended=predictions_on(_page, "recommended"),
            thesis=predictions_on(_page, "thesis"),
            images=real_sets_on(_page, "images.zip"),
            indexes=real_sets_on(_page, "images.parquet"),
            reported=REPORTED,
        output:
            **{
                name: report(
                    path,
                    caption=f"../workflow_scripts/captions/{caption}.rst",
                    category=(
                        "Balanced sets" if "balance" in caption else "Classification"
                    ),
                )
                for caption, files in page_files(_page).items()
                for name, path in files.items()
            },
            **{
                f"comparison_{a}_and_{b}": f"{RUN}/{_page}comparisons/{a}_and_{b}.json"
                for a, b in PLAN.pairs_on(_page)
            },
            table_headline=f"{RUN}/{_page}tables/headline.json",
            table_values=f"{RUN}/{_page}tables/metrics.json",
            table_recommendation=f"{RUN}/{_page}tables/recommendation.json",
        log:
            f"{RUN}/logs/classify_report/{_page}classify_report.log",
        benchmark:
            f"{RUN}/benchmarks/classify_report/{_page}classify_report.tsv"
        conda:
            "../envs/cpu.yaml"
        params:
            settings=settings(
                sets=["/".join(real) for real in PLAN.real_sets_on(_page)],
                page=page_settings(PLAN, _page),
            ),
            code=own_code("classify/classify_report"),
        script:
            "../workflow_scripts/classify/classify_report.py"
