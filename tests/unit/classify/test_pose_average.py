"""The mean over the eight poses: the same for every pose, in predictions, in the module and in the exported file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from helpers.classifiers import SIZE, build, data, job, runtime
from hemabalance.classify.onnx_export import export_onnx
from hemabalance.classify.open_model import open_classifier
from hemabalance.classify.out_of_distribution import fit_detector
from hemabalance.classify.pose_average import PoseAverage

MODELS: dict[str, dict[str, Any]] = {
    "sequential_cnn, adjusted": {"balanced": False, "logit_adjustment": "afterwards", "tau": 2.0},
    "senet154_ge": {},
}


def fit(name: str, folder: Path, **changed: Any) -> Any:
    model = build(name.partition(",")[0], input_size=32, steps=2, validate_every=2, **MODELS[name], **changed)
    model.fit(data(), job(folder))
    model.save(folder / "weights.safetensors")
    return model


def photographs(n: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (n, SIZE, SIZE, 3), np.uint8)


def poses(pixels: np.ndarray) -> list[np.ndarray]:
    turned = [np.rot90(pixels, turn, axes=(1, 2)) for turn in range(4)]
    return turned + [np.flip(image, axis=2) for image in turned]


@pytest.fixture(scope="module", params=MODELS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """A model, the same with averaging over poses, and the folder of the latter."""
    folder = tmp_path_factory.mktemp("poses")
    (folder / "single").mkdir()
    single = fit(request.param, folder / "single")
    return single, fit(request.param, folder, average_poses=True), folder


def test_probabilities_are_the_mean_over_the_poses(pair: Any) -> None:
    single, averaged, _ = pair
    pixels = photographs(11)
    expected = np.mean([softmax(single.logits(pose), axis=1) for pose in poses(pixels)], axis=0)
    logits = averaged.logits(pixels)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-5)
    assert np.abs(np.exp(logits) - softmax(single.logits(pixels), axis=1)).max() > 1e-5
    for pose in poses(pixels):
        np.testing.assert_allclose(averaged.logits(pose), logits, atol=1e-4)
    np.testing.assert_allclose(averaged.logits(pixels[3:4]), logits[3:4], atol=1e-4)
    assert averaged.logits(pixels[:0]).shape == (0, logits.shape[1])


def test_training_and_weights_are_those_without_averaging(pair: Any) -> None:
    _, averaged, folder = pair
    histories = [(path / "history.jsonl").read_bytes() for path in (folder, folder / "single")]
    assert histories[0] == histories[1]
    opened = open_classifier(folder / "weights.safetensors", runtime(seed=99))
    np.testing.assert_array_equal(opened.logits(photographs(5)), averaged.logits(photographs(5)))
    single = open_classifier(folder / "single" / "weights.safetensors", runtime())
    weights, expected = opened._network.state_dict(), single._network.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in weights.items())
    assert opened.parameters == single.parameters


def test_module_and_exported_file_give_the_predicted_logits(pair: Any, tmp_path: Path) -> None:
    import onnxruntime

    _, averaged, _ = pair
    export_onnx(averaged, tmp_path / "model.onnx", metadata={})  # refuses a file whose logits differ
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 7):
        pixels = photographs(count)
        images = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 127.5 - 1
        with torch.no_grad():
            logits = averaged.module()(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(logits, averaged.logits(pixels), atol=1e-4)
        np.testing.assert_allclose(session.run(None, {"images": images})[0], averaged.logits(pixels), atol=1e-4)
    assert not averaged.module().training


def test_the_detector_of_other_images_works_on_averaged_logits(pair: Any) -> None:
    _, averaged, _ = pair
    pixels = np.concatenate([data().train.pixels, data().validation.pixels])
    detector = fit_detector(
        pixels,
        averaged.logits(pixels),
        np.full(len(pixels), "a"),
        pixels[:0],
        averaged.logits(pixels[:0]),
        quantile=0.99,
    )
    empty = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    distances = detector.distances(empty, averaged.logits(empty))
    assert np.isfinite(distances).all()
    assert detector.out_of_distribution(empty, averaged.logits(empty)).all()


def test_rare_probabilities_stay_finite() -> None:
    class Certain(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.stack([images[:, 0, 0, 0] * 300, torch.zeros(len(images))], dim=1)

    image = torch.ones((1, 3, 4, 4))
    assert torch.isfinite(PoseAverage(Certain())(image)).all()
    assert PoseAverage(Certain())(image)[0, 1] == pytest.approx(-300)
