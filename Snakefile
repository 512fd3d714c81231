# Path grammar. A wildcard is the name of a config entry, never an encoded parameter; one folder a wildcard.
#
#   results/<run>/phantom/{source}.zip                     rendered archives (origin: phantom)
#   results/<run>/inventory/{source}.{parquet,json}        one row an archive member; facts about the archive
#   results/<run>/manifest/{source}.parquet                one row a member: kept or not, and why
#   results/<run>/scale/{source}.json                      size of the cells in a sample of the photographs
#   results/<run>/scale/outlines_{source}.webp             red cells found in some of these photographs
#   results/<run>/fields.json                              share of the frame of each source, if any is `auto`
#   results/<run>/images/{source}.{zip,parquet}            kept photographs at the working size
#   results/<run>/images/{source}_copies.{zip,parquet}     images set aside as copies or conflicts
#   results/<run>/{protocol}/split.parquet                 part of each image: train, validation, test or pool
#   The reference and each other {source} are a pair of stain domains:
#   results/<run>/pairs/{source}/{domain}.{zip,parquet}    the same rendered cells in both stain domains
#   results/<run>/{protocol}/real_features/{source}.safetensors  Inception features of the evaluation images
#   results/<run>/{protocol}/source_classifier/{source}/{augmentation}/
#                                                          weights.safetensors, history.jsonl, training.json
#   results/<run>/{protocol}/stain/{normalizer}/{source}/  weights.safetensors, history.jsonl, training.json,
#                                                          seen.parquet, metrics.json
#   The images of all sources together:
#   results/<run>/{protocol}/stain/{normalizer}/           images.zip, images.parquet
#   results/<run>/{protocol}/synthesis_real/{normalizer}/  real_images.parquet, features.safetensors: features of
#                                                          the real images that generated ones are compared with
#   results/<run>/{protocol}/synthesis_judge/{normalizer}/     weights.safetensors, history.jsonl, training.json
#   results/<run>/{protocol}/synthesis/{normalizer}/{generator}/   weights.safetensors, history.jsonl, training.json,
#                                                          metrics.json, images.{zip,parquet}, snapshots.{zip,parquet},
#                                                          gate.{parquet,json}, features.safetensors, neighbours.parquet
#   results/<run>/{protocol}/balanced/{recipe}/            images.parquet, audit.json
#   results/<run>/{protocol}/classifiers/{experiment}/seed-{n}/    weights.safetensors, history.jsonl, training.json,
#                                                          predictions.parquet, calibration.json, metrics.json,
#                                                          expert_agreement.json, out_of_distribution.safetensors,
#                                                          synthetic_predictions.parquet, training_predictions.parquet,
#                                                          model.json, README.md, normalizer/{source}.safetensors if it
#                                                          has one; of an average of experiments only
#                                                          predictions.parquet, calibration.json, metrics.json
#   results/<run>/tables/*.csv  figures/*.svg  report.html
#   results/<run>/comparisons/{a}_and_{b}.json             two experiments compared on the same test images
#   results/<run>/tables/recommendation.json               the recommended experiment compared with the thesis's method
#   results/<run>/experiments/tables, figures, comparisons, report.html   all entries (`snakemake experiments`)
#   results/<run>/across-<reference>/across/{row}/seed-{n}/predictions.parquet  images of all sources, predicted by a model of
#                                                          labels of the reference alone (`snakemake across`)
#   results/<run>/across-<reference>/across/{row}/seed-{n}/pseudo_labels/images.parquet, audit.json, accepted.json
#                                                          images of other sources under labels predicted by a row
#   results/<run>/across/tables, figures, report.html
#   results/<run>/scarcity/tables, figures, report.html    recipes where classes are cut to n training images
#                                                          (`snakemake scarcity`); a protocol is then scarce-<n>-<draw>
#   results/<run>/logs/{rule}/…  benchmarks/{rule}/…  .state/{rule}/…
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27.1")

# Here, because `include` fails already.
if any(brace in workflow.basedir for brace in "{}"):
    raise WorkflowError(
        f"{workflow.basedir}: Snakemake reads braces in the path of the project as wildcards. Move the project to a "
        "folder whose path has none."
    )


configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/start.smk"
include: "rules/normalizers.smk"
include: "rules/pairs.smk"
include: "rules/generators.smk"
include: "rules/acquire.smk"
include: "rules/scale.smk"
include: "rules/manifest.smk"
include: "rules/scarce.smk"
include: "rules/across_rows.smk"
include: "rules/across_page.smk"
include: "rules/splits.smk"
include: "rules/stain.smk"
include: "rules/stain_metrics.smk"
include: "rules/stain_report.smk"
include: "rules/synthesis.smk"
include: "rules/synthesis_metrics.smk"
include: "rules/synthesis_report.smk"
include: "rules/recipes.smk"
include: "rules/balance.smk"
include: "rules/experiments.smk"
include: "rules/classify.smk"
include: "rules/classify_predictions.smk"
include: "rules/pages.smk"
include: "rules/classify_report.smk"
include: "rules/report.smk"
include: "rules/scarcity.smk"
include: "rules/across.smk"


rule all:
    default_target: True
    input:
        f"{RUN}/report.html",
        expand(f"{RUN}/images/{{source}}.zip", source=SOURCES),
        expand(f"{RUN}/{{protocol}}/split.parquet", protocol=CONFIG.protocols),
        normalised_sets(""),
        generated_sets(""),
        trainings_on("", "model.json"),


rule experiments:
    input:
        f"{RUN}/experiments/report.html",
        normalised_sets("experiments/"),
        generated_sets("experiments/"),
        trainings_on("experiments/", "model.json"),
        averages("metrics.json"),


rule recommended:
    input:
        lambda wildcards: models_of_recommended(),


rule scarcity:
    input:
        scarcity_page,


rule across:
    input:
        across_page,


# After all rules: one line of progress with the time left, after each job.
if (
    workflow.is_main_process
    and not workflow.dryrun
    and not workflow.output_settings.quiet
):
    logger.addHandler(
        ProgressLine(
            logger,
            Path(RUN),
            [entry.name for entry in workflow.rules if entry.benchmark],
        )
    )
