"""Evaluation of a trained model: predictions, metrics, agreement with experts, and `model.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.expert_agreement import ExpertLabels, read_expert_labels, write_expert_agreement
from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.model_file import Deployment
from hemabalance.classify.model_folder import write_model_folder
from hemabalance.classify.model_schema import Stain
from hemabalance.classify.predict_balanced import PredictionFiles, predict_balanced
from hemabalance.classify.predictions import read_predictions
from hemabalance.classify.scale import training_cell_sizes
from hemabalance.classify.source_colours import training_colours
from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.cell_size import CellSizes
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class EvaluationData:
    """Data that a model is evaluated on.

    Attributes:
        balanced: table of the balanced set that the model was trained on.
        sets: image sets of the balanced set, by name.
        classes: classes of the run, in alphabetical order.
        experts: source -> number of experts that annotated a part of its images again; sources without experts are left
            out.
        manifests: source -> its manifest, for these sources at least.
        inventories: source -> its inventory, for those of these sources of which several labels become one class.
        sizes: source -> size of the cells in its photographs, as shares of the frame, for those with training images.
        originals: source -> its images before normalisation, for those with training images or a normaliser.
        split: of the protocol.
    """

    balanced: Path
    sets: Mapping[str, ImageSet]
    classes: tuple[str, ...]
    experts: Mapping[str, int]
    manifests: Mapping[str, Path]
    inventories: Mapping[str, Path]
    sizes: Mapping[str, CellSizes]
    originals: Mapping[str, ImageSet]
    split: pd.DataFrame

    def expert_labels(self) -> dict[str, ExpertLabels]:
        """Source -> the labels by its experts.

        Raises:
            InputError: a manifest or an inventory is missing, damaged or lacks the experts' columns.
        """
        return {
            source: read_expert_labels(self.manifests[source], experts, self.inventories.get(source))
            for source, experts in sorted(self.experts.items())
        }


def evaluate_model(
    folder: Path,
    deployment: Deployment,
    data: EvaluationData,
    runtime: Runtime,
    *,
    quantile: float,
    resample_seed: int,
    threads: int,
) -> None:
    """Predict the real test images, measure model and experts on them, and write `model.json` and `README.md`.

    Args:
        folder: holds `weights.safetensors` and `training.json`. `predictions.parquet`, `calibration.json`,
            `out_of_distribution.safetensors`, `metrics.json`, `expert_agreement.json`, `model.json` and `README.md` are
            written into it.
        deployment: origin, preparation of images and data behind the model.
        data: balanced set, its images, and the labels by experts.
        runtime: device and precision of the model.
        quantile: see `out_of_distribution.fit_detector`.
        resample_seed: seed of the bootstrap; experiments with the same seed share their resamples.
        threads: images that are processed at once.

    Raises:
        InputError: the weights, the balanced set, its images or a manifest are missing, damaged or of another run, the
            model has other classes than the run, or the disk is full.
    """
    predictions, calibration = folder / "predictions.parquet", folder / "calibration.json"
    predict_balanced(
        folder / "weights.safetensors",
        read_balanced(data.balanced),
        data.sets,
        runtime,
        PredictionFiles(predictions, calibration, folder / "out_of_distribution.safetensors"),
        classes=data.classes,
        quantile=quantile,
        threads=threads,
    )
    measure_predictions(
        predictions,
        calibration,
        folder / "metrics.json",
        experiment=deployment.origin.experiment,
        protocol=deployment.origin.protocol,
        seed=deployment.origin.seed,
        resample_seed=resample_seed,
    )
    write_expert_agreement(data.expert_labels(), read_predictions(predictions), folder / "expert_agreement.json")
    rows = read_balanced(data.balanced)
    frame = deployment.frame.model_copy(
        update={"cell_sizes": training_cell_sizes(rows, data.sizes, deployment.frame.fields)}
    )
    colours = training_colours(
        data.originals, data.split, deployment.origin.protocol, sources_seen(rows, deployment.stain), threads=threads
    )
    write_model_folder(folder, replace(deployment, frame=frame, colours=colours), balanced=data.balanced)


def sources_seen(rows: pd.DataFrame, stain: Stain | None) -> set[str]:
    """The sources whose stain a model knows: those of its real training images, and those that its normaliser maps.

    Args:
        rows: the balanced set (`balance.balanced_set.SCHEMA`).
        stain: the normaliser of the model.
    """
    trained = set(rows.loc[(rows["part"] == "train") & (rows["origin"] == "real"), "source"])
    return trained if stain is None else trained | {stain.reference, *stain.sources}
