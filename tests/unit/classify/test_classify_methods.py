"""Behaviour of single classification methods."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import timm
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from torchvision.models import mobilenet_v2

from helpers.classifiers import build, data, images, job, no_images, random_imagenet_weights
from helpers.thesis import CLASSES
from hemabalance.classify.imagenet_initialisation import initialise_from_imagenet, read_tensors
from hemabalance.classify.methods.naive_bayes.method import reduced
from hemabalance.classify.methods.timm import Architecture
from hemabalance.classify.methods.timm.method import DEFAULT_SMALLEST, SMALLEST, TIMM_NAMES
from hemabalance.classify.model import ModelData
from hemabalance.classify.sklearn_model import MIN_LOG_PROBABILITY
from hemabalance.errors import InputError
from hemabalance.metrics import imagenet_weights
from hemabalance.metrics.imagenet_features import ImageNetFeatures

# --- timm


@pytest.mark.parametrize("name", get_args(Architecture))
def test_each_architecture_takes_images_of_its_smallest_size(name: str) -> None:
    side, timms = SMALLEST.get(name, DEFAULT_SMALLEST), TIMM_NAMES.get(name, name)
    with torch.device("meta"):
        network = timm.create_model(timms, pretrained=False, num_classes=12, drop_rate=0.2)
        assert network(torch.zeros(2, 3, side, side)).shape == (2, 12)
        if name in SMALLEST:
            with pytest.raises(RuntimeError):
                network(torch.zeros(2, 3, side - 1, side - 1))
    known = timm.get_pretrained_cfg(timms)
    assert known is not None
    assert {f"{known.classifier}.weight", f"{known.classifier}.bias"} <= network.state_dict().keys()


def test_images_too_small_for_an_architecture_are_refused_with_the_smallest() -> None:
    with pytest.raises(InputError, match=r"input_size: is 74 px, too small for inception_v3\. Set it to 75 or more"):
        build("efficientnet_b0", architecture="inception_v3", input_size=74)
    with pytest.raises(InputError, match=r"is 31 px, too small for vgg19\. Set it to 32 or more"):
        build("efficientnet_b0", architecture="vgg19", input_size=31)
    for name in ("senet154_ge", "sequential_cnn"):
        with pytest.raises(InputError, match=r"is 16 px, too small"):
            build(name, input_size=16)


def test_an_architecture_or_shape_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"architecture\n.*'vgg19'.*input_value='resnet18'"):
        build("efficientnet_b0", architecture="resnet18")
    with pytest.raises(InputError, match="groups"):
        build("senet154_ge", groups=3)
    with pytest.raises(ValidationError, match="extent"):
        build("senet154_ge", extent=3)


def test_our_head_adds_parameters() -> None:
    assert build("senet154_ge").parameters > build("senet154").parameters


# --- initialisation with ImageNet weights


def save_efficientnet(folder: Path, suffix: str, classes: int = 1000) -> Path:
    network = timm.create_model("efficientnet_b0", num_classes=classes)
    path = folder / f"imagenet{suffix}"
    if suffix == ".safetensors":
        save_file(network.state_dict(), path)
    elif suffix == ".pth":
        torch.save(network.state_dict(), path)
    else:
        torch.save({"state_dict": network.state_dict(), "epoch": 3}, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pth.tar"])
def test_a_training_starts_with_all_weights_except_the_head(suffix: str, tmp_path: Path) -> None:
    path = save_efficientnet(tmp_path, suffix)
    model = build("efficientnet_b0", imagenet_weights=str(path))
    initialised = model.initialise_training(data(), job(tmp_path)).network.state_dict()
    stored, plain = (
        read_tensors(path),
        build("efficientnet_b0").initialise_training(data(), job(tmp_path)).network.state_dict(),
    )
    for name, value in stored.items():
        if name.startswith("classifier."):
            assert initialised[name].shape[0] == 12
            assert torch.equal(initialised[name], plain[name])
        elif not name.endswith("num_batches_tracked"):
            assert torch.equal(initialised[name], value), name
    assert not torch.equal(initialised["conv_stem.weight"], plain["conv_stem.weight"])


def test_a_trained_model_does_without_the_file(tmp_path: Path) -> None:
    """Only the path of the file remains, in the description."""
    path = save_efficientnet(tmp_path, ".pth")
    model = build("efficientnet_b0", imagenet_weights=str(path))
    path.unlink()
    with pytest.raises(InputError, match="the file does not exist"):
        model.initialise_training(data(), job(tmp_path))
    assert model.description["settings"]["imagenet_weights"] == str(path)


def test_weights_that_do_not_fit_are_refused_and_change_nothing(tmp_path: Path) -> None:
    network = timm.create_model("efficientnet_b0", num_classes=12)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tensors = dict(network.state_dict())
    tensors["conv_stem.weight"] = torch.zeros(32, 3, 5, 5)
    tensors["extra.weight"] = torch.zeros(2)
    del tensors["bn1.weight"]
    torch.save(tensors, tmp_path / "w.pth")
    said = r"bn1.weight: stored nothing, .*; conv_stem.weight: stored \[32, 3, 5, 5\].*; extra.weight: stored \[2\]"
    with pytest.raises(InputError, match=said):
        initialise_from_imagenet(network, tmp_path / "w.pth", ("classifier.",))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_that_holds_no_tensors_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="is damaged or holds more than tensors"):
        read_tensors(tmp_path / name)


def test_a_pickle_that_runs_something_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(1, 1), tmp_path / "module.pth")
    with pytest.raises(InputError, match="holds more than tensors"):
        read_tensors(tmp_path / "module.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="does not hold tensors by name"):
        read_tensors(tmp_path / "list.pth")


def test_senet_takes_weights_of_its_full_shape_alone(tmp_path: Path) -> None:
    torch.save({"layer0.conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "senet.pth")
    for name, message in (
        ("senet.pth", "depths"),
        (save_efficientnet(tmp_path, ".pth").name, "no layer of timm's legacy_senet154"),
    ):
        model = build("senet154_ge", imagenet_weights=str(tmp_path / name))
        with pytest.raises(InputError, match=rf"{name}: .*{message}.*Give the weights of the same architecture"):
            model.initialise_training(data(), job(tmp_path))


def test_a_network_without_imagenet_weights_refuses_them() -> None:
    with pytest.raises(InputError, match=r"has no ImageNet weights\. Set it to null"):
        build("sequential_cnn", imagenet_weights="some.pth")


# --- naive Bayes and logistic regression


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_imagenet_weights(tmp_path_factory.mktemp("features"))[0]


@pytest.fixture
def pinned(features: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights in the place of the real ones."""
    digest = random_imagenet_weights(features.parent)[1]
    monkeypatch.setattr(imagenet_weights, "WEIGHTS", replace(imagenet_weights.WEIGHTS, sha256=digest))
    return features


def test_naive_bayes_is_scikit_learns(tmp_path: Path) -> None:
    model = build("naive_bayes")
    model.fit(data(), job(tmp_path))
    reference = GaussianNB(var_smoothing=1e-9).fit(reduced(data().train.pixels, 4), data().train.labels)
    test_images = images({"basophil": 5, "monocyte": 5, "platelet": 5}, 8).pixels
    present = [CLASSES.index(name) for name in reference.classes_]
    expected = np.maximum(reference.predict_log_proba(reduced(test_images, 4)), MIN_LOG_PROBABILITY)
    assert np.allclose(model.logits(test_images)[:, present], expected, rtol=1e-4, atol=1e-4)
    assert model.parameters == 3 * (2 * 48 + 1)


def test_classes_without_training_images_get_the_lower_bound(tmp_path: Path) -> None:
    model = build("naive_bayes")
    model.fit(ModelData(images({"monocyte": 4}, 1), no_images()), job(tmp_path))
    logits = model.logits(images({"platelet": 3}, 2).pixels)
    assert (logits.argmax(1) == CLASSES.index("monocyte")).all()
    assert (np.delete(logits, CLASSES.index("monocyte"), axis=1) == MIN_LOG_PROBABILITY).all()
    assert (logits[:, CLASSES.index("monocyte")] == 0).all()
    assert (tmp_path / "history.jsonl").read_bytes() == b""


def test_the_small_image_is_an_average() -> None:
    pixels = data().train.pixels
    expected = pixels.reshape(len(pixels), 4, 4, 4, 4, 3).mean(axis=(2, 4)) / 255
    assert np.allclose(reduced(pixels, 4), expected.transpose(0, 3, 1, 2).reshape(len(pixels), -1))
    with pytest.raises(InputError, match="is 17 px, but the images have 16 px"):
        build("naive_bayes", side=17)


@pytest.mark.parametrize("classes", [("basophil", "platelet"), ("basophil", "monocyte", "platelet")])
def test_logistic_regression_is_scikit_learns(classes: tuple[str, ...], pinned: Path, tmp_path: Path) -> None:
    train = images(dict.fromkeys(classes, 6) | {classes[0]: 9}, 1)
    model = build("logistic", imagenet_file=str(pinned), C=0.3)
    model.fit(ModelData(train, no_images()), job(tmp_path))
    extractor = ImageNetFeatures(imagenet_weights.WEIGHTS.load(pinned), 32, "cpu", 64)
    scaler = StandardScaler().fit(extractor(train.pixels))
    reference = LogisticRegression(C=0.3, class_weight="balanced", max_iter=2000)
    reference.fit(scaler.transform(extractor(train.pixels)), train.labels)
    test_images = images({"basophil": 4, "platelet": 4}, 8).pixels
    present = [CLASSES.index(name) for name in classes]
    expected = reference.predict_log_proba(scaler.transform(extractor(test_images)))
    assert np.allclose(model.logits(test_images)[:, present], expected, atol=2e-2)
    assert (np.delete(model.logits(test_images), present, axis=1) == MIN_LOG_PROBABILITY).all()


def test_a_trained_logistic_regression_has_the_frozen_network_inside(pinned: Path, tmp_path: Path) -> None:
    model = build("logistic", imagenet_file=str(pinned))
    model.fit(data(), job(tmp_path))
    model.save(tmp_path / "w.safetensors")
    loaded = build("logistic", imagenet_file=str(pinned))
    loaded.load(tmp_path / "w.safetensors")
    loaded.estimator.settings = None  # must not be used
    loaded.estimator._open_extractor = lambda weights: ImageNetFeatures(weights, 32, "cpu", 64)
    pixels = data().validation.pixels
    assert np.array_equal(loaded.logits(pixels), model.logits(pixels))
    assert model.parameters == 3 * 1281 + 2 * 1280


def test_logistic_regression_refuses_one_class_or_missing_weights(features: Path, pinned: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="all of one class"):
        build("logistic", imagenet_file=str(pinned)).fit(
            ModelData(images({"monocyte": 4}, 1), no_images()), job(tmp_path)
        )  # fmt: skip
    with pytest.raises(InputError, match="MobileNetV2 weights are not there"):
        build("logistic", imagenet_file=str(tmp_path / "none")).fit(data(), job(tmp_path))
    with pytest.raises(ValidationError, match=r"input_size\n.*greater than or equal to 32"):
        build("logistic", input_size=31)


def test_features_are_the_pooled_last_map_of_torchvisions_network(features: Path, pinned: Path) -> None:
    network = mobilenet_v2(weights=None).eval()
    state = {name: torch.from_numpy(value) for name, value in imagenet_weights.WEIGHTS.load(pinned).items()}
    network.load_state_dict(state, strict=False)
    pixels = images({"basophil": 2, "platelet": 3}, 4, size=48).pixels
    unit = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        expected = network.features((unit - mean) / std).mean(dim=(2, 3)).numpy()
    result = ImageNetFeatures(imagenet_weights.WEIGHTS.load(pinned), 48, "cpu", 2)(pixels)
    assert result.shape == (5, 1280)
    assert np.allclose(result, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert ImageNetFeatures(imagenet_weights.WEIGHTS.load(pinned), 32, "cpu", 2)(pixels).shape == (5, 1280)
    assert ImageNetFeatures(imagenet_weights.WEIGHTS.load(pinned), 32, "cpu", 2)(pixels[:0]).shape == (0, 1280)
