# Balanced sets and classifiers in numbers. A page is a folder of the run: the run itself, or experiments/.
#
# inputs   results/<run>/{protocol}/balanced/{recipe}/audit.json, {protocol}/comparisons/{a}_and_{b}.json
#          results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/{metrics,training,expert_agreement}.json
#          workflow_scripts/hemabalance/report/reported.yaml
# outputs  results/<run>/[experiments/]tables/{balance,classify}_{what}.csv, tables/{headline,metrics}.json
#          results/<run>/[experiments/]figures/balance_images_{protocol}.svg


rule balance_tables:
    """Table and draw the balanced sets, and what their audits found"""
    input:
        audits=audit_files,
    output:
        **{
            kind: report(
                f"{PAGE}tables/balance_{kind}.csv",
                caption="../workflow_scripts/captions/balance_tables.rst",
                category="Balanced sets",
            )
            for kind in BALANCE_TABLES
        },
        **{
            f"images_{protocol}": report(
                f"{PAGE}figures/balance_images_{protocol}.svg",
                caption="../workflow_scripts/captions/balance_images.rst",
                category="Balanced sets",
            )
            for protocol in PLAN.protocols
        },
    log:
        f"{RUN}/logs/balance_tables/{{page}}balance_tables.log",
    benchmark:
        f"{RUN}/benchmarks/balance_tables/{{page}}balance_tables.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=settings(),
        code=own_code("balance/balance_tables"),
    script:
        "../workflow_scripts/balance/balance_tables.py"


rule classify_tables:
    """Table what was measured of classifiers, and answer the question that the page opens with"""
    input:
        metrics=on_page("metrics.json"),
        training=on_page("training.json"),
        expert_agreements=on_page("expert_agreement.json"),
        comparisons=comparison_files,
        reported=REPORTED,
    output:
        **{
            kind: report(
                f"{PAGE}tables/classify_{kind}.csv",
                caption="../workflow_scripts/captions/classify_tables.rst",
                category="Classification",
            )
            for kind in CLASSIFY_TABLES
        },
        headline=f"{PAGE}tables/headline.json",
        values=f"{PAGE}tables/metrics.json",
    log:
        f"{RUN}/logs/classify_tables/{{page}}classify_tables.log",
    benchmark:
        f"{RUN}/benchmarks/classify_tables/{{page}}classify_tables.tsv"
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: settings(**page_settings(PLAN, wildcards.page)),
        code=own_code("classify/classify_tables"),
    script:
        "../workflow_scripts/classify/classify_tables.py"
