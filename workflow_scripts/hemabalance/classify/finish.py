"""From a trained model to one that is measured and can be used without the workflow."""

from collections.abc import Mapping
from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.expert_agreement import write_expert_agreement
from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.model_file import Frame, Stain, TrainingOrigin
from hemabalance.classify.model_folder import write_model_folder
from hemabalance.classify.predict_balanced import predict_balanced
from hemabalance.dataset.imageset import ImageSet
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.taxonomy import Taxonomy
from hemabalance.training.device import Runtime


def finish_model(
    *,
    folder: Path,
    balanced: Path,
    sets: Mapping[str, ImageSet],
    runtime: Runtime,
    quantile: float,
    manifest: Path,
    taxonomy: Taxonomy,
    origin: TrainingOrigin,
    frame: Frame,
    limits: Limits,
    stain: Stain | None,
    sources: Mapping[str, SourceEntry],
    rendered: bool,
    resample_seed: int,
    threads: int,
) -> None:
    """Predict the real test images once, measure what the model and experts say of them, and write `model.json`.

    Args:
        folder: holds `weights.safetensors` and `training.json`; `predictions.parquet`, `calibration.json`,
            `out_of_distribution.safetensors`, `metrics.json`, `expert_agreement.json`, `model.json` and `card.md` are written into it.
        balanced: the table of the balanced set that it was trained on.
        sets: the image sets of that by name.
        runtime: where the model runs.
        quantile: see `out_of_distribution.fit_detector`.
        manifest: of source B, with what experts said of its images.
        taxonomy: see `expert_agreement.expert_agreement`.
        origin, frame, limits, stain, sources, rendered: see `bundle.write_model_file`.
        resample_seed: seed of the resamples; with the same one, experiments are measured on the same resamples.
        threads: images at once.

    Raises:
        InputError: the weights, the balanced set, its images or the manifest are missing, damaged or others, or the
            disk is full.
    """
    predictions, calibration = folder / "predictions.parquet", folder / "calibration.json"
    predict_balanced(
        folder / "weights.safetensors",
        read_balanced(balanced),
        sets,
        runtime,
        predictions=predictions,
        calibration=calibration,
        out_of_distribution=folder / "out_of_distribution.safetensors",
        quantile=quantile,
        threads=threads,
    )
    measure_predictions(
        predictions,
        calibration,
        folder / "metrics.json",
        experiment=origin.experiment,
        protocol=origin.protocol,
        seed=origin.seed,
        resample_seed=resample_seed,
    )
    write_expert_agreement(manifest, predictions, folder / "expert_agreement.json", taxonomy=taxonomy)
    write_model_folder(folder, origin, frame, limits, stain, sources, balanced, rendered=rendered)
