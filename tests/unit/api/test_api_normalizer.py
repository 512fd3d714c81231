"""`hemabalance.Normalizer`."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from helpers import gan_normalizers
from helpers.archives import write_folder
from helpers.classical_normalizers import domains, fitted, photographs
from helpers.image_files import encode
from helpers.method_settings import small_settings
from hemabalance import InputError, Normalizer
from hemabalance.classes import UNLABELLED
from hemabalance.dataset.imageset import write_image_set
from hemabalance.stain.normalizer import StainData
from hemabalance.training.job import Images

DATA = domains()
A, B = DATA.a.pixels, DATA.b.pixels
SEED = 5  # of `helpers.classical_normalizers.job`


def unlabelled(pixels: np.ndarray) -> Images:
    return Images(pixels, np.full(len(pixels), UNLABELLED))


def of_workflow(name: str, folder: Path, data: StainData | None = None, **changed: Any) -> Any:
    return fitted(name, folder, data or StainData(unlabelled(A), unlabelled(B), None), **changed)


@pytest.mark.parametrize(
    ("name", "changed"),
    [("reinhard", {}), ("reinhard", {"source": "domain"}), ("macenko", {"light": "domain"}), ("none", {})],
)
def test_images_are_mapped_as_in_the_workflow(tmp_path: Path, name: str, changed: dict[str, str]) -> None:
    expected = of_workflow(name, tmp_path, **changed).transform(B, to="a").pixels
    settings = small_settings("stain", name, **changed).plain
    normalizer = Normalizer.fit(name, reference=A, images=B, settings=settings, seed=SEED)
    np.testing.assert_array_equal(normalizer.transform(B), expected)
    normalizer.save(tmp_path / "saved")
    np.testing.assert_array_equal(Normalizer.load(tmp_path / "saved").transform(B), expected)


def test_the_source_needs_no_images_where_each_image_is_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = of_workflow("reinhard", tmp_path).transform(B, to="a").pixels
    folder = write_folder(tmp_path / "lab_a", {f"{n:02}.png": encode(image, "PNG") for n, image in enumerate(A)})
    files = write_folder(tmp_path / "lab_b", {f"{n:02}.bmp": encode(image, "BMP") for n, image in enumerate(B)})
    settings = small_settings("stain", "reinhard").plain
    with caplog.at_level(logging.INFO):
        normalizer = Normalizer.fit("reinhard", reference=folder, settings=settings, seed=SEED)
    assert sum("statistics" in message for message in caplog.messages) == 1  # the reference is measured once
    mapped = normalizer.transform(files)
    assert isinstance(mapped, list)
    np.testing.assert_array_equal(np.stack(mapped), expected)


def test_an_image_set_counts_all_classes_alike(tmp_path: Path) -> None:
    labels = ["basophil"] * 9 + ["monocyte"] * 3
    rows = pd.DataFrame({"image_id": [f"a/{n:02}" for n in range(12)], "label": labels}, dtype="str")
    rows = rows.assign(source="a", origin="real", provenance="{}").astype({"source": "str"})
    write_image_set(tmp_path / "images.zip", tmp_path / "images.parquet", rows, list(A), threads=1)
    data = StainData(Images(A, np.array(labels)), unlabelled(B), None)
    expected = of_workflow("reinhard", tmp_path, data).transform(B, to="a").pixels
    settings = small_settings("stain", "reinhard").plain
    normalizer = Normalizer.fit(reference=tmp_path / "images.zip", images=B, settings=settings, seed=SEED)
    np.testing.assert_array_equal(normalizer.transform(B), expected)
    plain = Normalizer.fit(reference=A, images=B, settings=settings, seed=SEED)
    assert not np.array_equal(plain.transform(B), expected)


def test_a_normaliser_of_a_run_is_opened_from_its_folders(tmp_path: Path) -> None:
    normalizer = of_workflow("reinhard", tmp_path)
    normalizer.save(tmp_path / "stain" / "reinhard" / "tcia" / "weights.safetensors")
    expected = normalizer.transform(B, to="a").pixels
    for folder in ("stain/reinhard/tcia", "stain/reinhard", "stain/reinhard/tcia/weights.safetensors"):
        np.testing.assert_array_equal(Normalizer.load(tmp_path / folder).transform(B), expected)
    normalizer.save(tmp_path / "stain" / "reinhard" / "lab" / "weights.safetensors")
    with pytest.raises(InputError, match=r"several folders .*: lab, tcia. Give one of these"):
        Normalizer.load(tmp_path / "stain" / "reinhard")


def test_images_of_any_size_keep_size_and_order(caplog: pytest.LogCaptureFixture) -> None:
    normalizer = Normalizer.fit("reinhard", reference=A)
    blank = np.full((30, 20, 3), (250, 240, 235), np.uint8)
    images = [B[0], B[1][:40], blank, B[2]]
    mapped, unchanged = normalizer.transform(images, return_unchanged=True)
    assert [image.shape for image in mapped] == [image.shape for image in images]
    assert unchanged.tolist() == [False, False, True, False]
    np.testing.assert_array_equal(mapped[2], blank)
    np.testing.assert_array_equal(mapped[3], normalizer.transform(B[2]))
    np.testing.assert_array_equal(normalizer.transform(B[:2]), normalizer.transform(list(B[:2])))
    np.testing.assert_array_equal(normalizer.transform(Image.fromarray(B[2]))[0], mapped[3])
    assert "1 of 4 images show too little stain" in caplog.text


def test_only_a_batch_of_images_is_in_memory() -> None:
    read = []

    def images() -> Iterator[np.ndarray]:
        for number in range(200):
            read.append(number)
            yield B[number % len(B)]

    normalizer = Normalizer.fit("reinhard", reference=A)
    results = normalizer.transform_each(images())
    first, unchanged = next(results)
    assert len(read) <= 65
    np.testing.assert_array_equal(first, normalizer.transform(B[0]))
    assert not unchanged
    assert len(list(results)) == 199


def test_files_of_the_reference_that_cannot_be_read_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = {f"{n:02}.png": encode(image, "PNG") for n, image in enumerate(A)}
    folder = write_folder(tmp_path / "lab_a", content)
    torn = write_folder(tmp_path / "torn", content | {"99.png": content["00.png"][:200]})
    expected = Normalizer.fit("reinhard", reference=folder).transform(B)
    np.testing.assert_array_equal(Normalizer.fit("reinhard", reference=torn).transform(B), expected)
    assert caplog.text.count("99.png left out: damaged, truncated") == 1
    with pytest.raises(InputError, match="none of 1 shows enough stain"):
        Normalizer.fit("reinhard", reference=torn / "99.png")


def test_it_is_an_estimator_of_scikit_learn() -> None:
    normalizer = Normalizer.fit("reinhard", reference=A, settings={"least_contrast": 1.0})
    assert normalizer.get_params()["method"] == "reinhard"
    assert normalizer.get_params()["settings"]["least_contrast"] == 1.0
    pipeline = make_pipeline(FrozenEstimator(normalizer), FunctionTransformer(lambda images: images / 255.0))
    np.testing.assert_array_equal(pipeline.fit(B).transform(B), normalizer.transform(B) / 255.0)
    with pytest.raises(InputError, match="is neither fitted nor loaded"):
        clone(normalizer).transform(B)


def test_networks_are_loaded_not_fitted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="method cyclegan: trains networks"):
        Normalizer.fit("cyclegan", reference=A, images=B)
    network = gan_normalizers.fitted("pix2pix", tmp_path)
    network.save(tmp_path / "weights.safetensors")
    images = gan_normalizers.data().b.pixels
    normalizer = Normalizer.load(tmp_path)
    np.testing.assert_array_equal(normalizer.transform(images), network.transform(images, to="a").pixels)
    with pytest.raises(InputError, match=r"48x48 px.*16x16 px.*Give square images of this size"):
        normalizer.transform(B)


def test_what_cannot_be_fitted_is_refused(tmp_path: Path) -> None:
    refused: list[tuple[str, dict[str, Any]]] = [
        ("method reinhart: is not in", {"method": "reinhart", "reference": A}),
        ("settings of reinhard: are not accepted .*contrast", {"reference": A, "settings": {"contrast": 1}}),
        ("images: are missing, but the setting source", {"reference": A, "settings": {"source": "domain"}}),
        ("none of 3 shows enough stain", {"reference": np.full((3, 40, 40, 3), 250, np.uint8)}),
        (r"images\[0\]: is float64 of shape", {"reference": A / 255.0}),
        (r"images\[0\]: is uint8 of shape \(48, 48\)", {"reference": A[0, ..., 0]}),
        ("seed=-1: is under 0", {"reference": A, "seed": -1}),
        ("threads=0: is under 1", {"reference": A, "threads": 0}),
        ("images: is int", {"reference": 3}),
        ("images: there are none", {"reference": []}),
        ("does not exist", {"reference": tmp_path / "missing"}),
    ]
    for message, arguments in refused:
        with pytest.raises(InputError, match=message):
            Normalizer.fit(**arguments)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    data = encode(photographs("b", "grey", range(1))[0], "PNG")
    folder = write_folder(tmp_path / "images", {"good.png": data, "torn.png": data[:200]})
    with pytest.raises(InputError, match=r"torn\.png: damaged, truncated"):
        Normalizer.fit(reference=A).transform(folder)


def test_weights_of_another_stage_are_refused(tmp_path: Path) -> None:
    from helpers.model_folders import BAYES, build_model_folder

    folder = build_model_folder(tmp_path / "model", BAYES).folder
    with pytest.raises(InputError, match="holds no normaliser, but naive_bayes"):
        Normalizer.load(folder)
