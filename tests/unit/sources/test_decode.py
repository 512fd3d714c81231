import io
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.image_files import (
    EVERY_FORMAT,
    HEIGHT,
    SAMPLES,
    WIDTH,
    as_pillow_reads,
    bmp32,
    encode,
    grey,
    noise,
    png,
    rgb,
    smooth,
    tiff,
)
from hemabalance.sources.decode import NotAnImage, UnreadableImage, decode, decode_grey, has_signature


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_rgb_tiff(compression: str) -> None:
    assert np.array_equal(rgb(encode(noise(), "TIFF", compression=compression), "RGB"), noise())


def test_big_tiff() -> None:
    assert np.array_equal(rgb(encode(noise(), "TIFF", big_tiff=True), "RGB"), noise())


def test_rgb_png() -> None:
    assert np.array_equal(rgb(SAMPLES["PNG"], "RGB"), noise())


def test_rgb_bmp_and_webp() -> None:
    assert np.array_equal(rgb(SAMPLES["BMP"], "RGB"), noise())
    assert np.array_equal(rgb(SAMPLES["WebP"], "RGB"), noise())
    lossy = rgb(SAMPLES["WebP lossy"], "RGB")
    assert np.array_equal(lossy, as_pillow_reads(SAMPLES["WebP lossy"]))
    assert np.abs(lossy.astype(int) - smooth()).mean() < 8


@pytest.mark.parametrize("mode", ["L", "1", "P"])
def test_bmp_of_8_bits_or_fewer(mode: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    assert np.array_equal(rgb(encode(image, "BMP"), mode), np.asarray(image.convert("RGB")))


def test_bmp_of_32_bits_and_webp_with_an_opaque_alpha_channel() -> None:
    alpha = noise((HEIGHT, WIDTH))
    assert np.array_equal(rgb(bmp32(noise(), alpha, declares_alpha=False), "RGB"), noise())
    assert np.array_equal(rgb(bmp32(noise(), alpha | 255, declares_alpha=True), "RGBA"), noise())
    opaque = Image.fromarray(noise()).convert("RGBA")
    assert np.array_equal(rgb(encode(opaque, "WEBP", lossless=True), "RGB"), noise())


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
def test_rgb_jpeg(options: dict[str, Any]) -> None:
    data = encode(smooth(), "JPEG", quality=95, **options)
    pixels = rgb(data, "RGB")
    assert np.array_equal(pixels, as_pillow_reads(data))
    assert np.abs(pixels.astype(int) - smooth()).mean() < 8


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "1", "LA", "RGBA", "P"])
def test_other_modes_of_8_bits_or_fewer(file_format: str, mode: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    assert np.array_equal(rgb(encode(image, file_format), mode), np.asarray(image.convert("RGB")))


def test_grey_jpeg() -> None:
    pixels = rgb(encode(smooth()[..., 0], "JPEG", quality=95), "L")
    assert np.abs(pixels.astype(int) - grey(smooth()[..., 0])).max() < 8


def test_white_is_zero_tiff() -> None:
    values = noise((HEIGHT, WIDTH))
    assert np.array_equal(rgb(tiff(values, 8, 1, photometric=0), "L"), grey(255 - values))
    deep = noise((HEIGHT, WIDTH), np.uint16)
    assert np.array_equal(rgb(tiff(deep, 16, 1, photometric=0), "I;16"), rgb(tiff(65535 - deep, 16, 1, 1), "I;16"))


def test_grey_of_16_bits_is_rounded() -> None:
    values = noise((HEIGHT, WIDTH), np.uint16)
    values[0, :6] = [0, 128, 129, 257, 65406, 65535]
    expected = grey(np.rint(values / 257).astype(np.uint8))
    assert expected[0, :6, 0].tolist() == [0, 0, 1, 1, 254, 255]
    assert np.array_equal(rgb(png(values, 0), "I;16"), expected)
    assert np.array_equal(rgb(tiff(values, 16, 1, 1), "I;16"), expected)
    big_endian = encode(Image.frombytes("I;16B", (WIDTH, HEIGHT), values.astype(">u2").tobytes()), "TIFF")
    assert np.array_equal(rgb(big_endian, "I;16B"), expected)


def test_colour_of_16_bits_keeps_the_high_byte() -> None:
    values = noise((HEIGHT, WIDTH, 3), np.uint16)
    assert np.array_equal(rgb(png(values, 2), "RGB"), values >> 8)
    assert np.array_equal(rgb(tiff(values, 16, 1, 2), "RGB"), values >> 8)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "PA"])
def test_modes_of_tiff_alone(mode: str) -> None:
    image = Image.fromarray(noise()).convert("P" if mode == "PA" else "RGB").convert(mode)
    assert np.array_equal(rgb(encode(image, "TIFF"), mode), np.asarray(image.convert("RGB")))


def test_cmyk_of_adobe_is_inverted_in_the_file() -> None:
    white = encode(Image.new("CMYK", (WIDTH, HEIGHT), (0, 0, 0, 0)), "JPEG", quality=95)
    magenta = encode(Image.new("CMYK", (WIDTH, HEIGHT), (0, 255, 0, 0)), "JPEG", quality=95)
    assert b"Adobe" in white
    assert rgb(white, "CMYK").min() > 250
    assert np.abs(rgb(magenta, "CMYK").astype(int) - [255, 0, 255]).max() < 6


# Transform of stored rows and columns to an upright image, by EXIF orientation.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = smooth() if file_format == "JPEG" else noise()
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    pixels = rgb(encode(stored, file_format, exif=exif, **lossless), "RGB")
    plain = rgb(encode(stored, file_format, **lossless), "RGB")
    assert np.array_equal(pixels, UPRIGHT[orientation](plain))


def test_orientation_of_16_bit_grey() -> None:
    exif = Image.Exif()
    exif[274] = 6
    values = noise((HEIGHT, WIDTH), np.uint16)
    expected = np.rot90(grey(np.rint(values / 257).astype(np.uint8)), -1)
    for file_format in ("PNG", "TIFF"):
        assert np.array_equal(rgb(encode(values, file_format, exif=exif), "I;16"), expected)


def test_orientation_out_of_range_is_ignored() -> None:
    exif = Image.Exif()
    exif[274] = 9
    assert np.array_equal(rgb(encode(noise(), "PNG", exif=exif), "RGB"), noise())


@EVERY_FORMAT
def test_signature(data: bytes) -> None:
    assert has_signature(data)


def test_jpeg_followed_by_previews_gives_the_main_image() -> None:
    preview = Image.fromarray(noise((12, 12, 3)))
    data = encode(smooth(), "MPO", save_all=True, append_images=[preview], quality=95)
    assert np.array_equal(rgb(data, "RGB"), as_pillow_reads(data))


def test_threads_do_not_disturb_each_other() -> None:
    items = [*SAMPLES.values(), b"", b"text", SAMPLES["JPEG"][:200]] * 20

    def outcome(data: bytes) -> tuple[str, bytes]:
        try:
            pixels, mode = decode(data, max_pixels=10_000, min_side=8)
        except UnreadableImage as error:
            return error.reason, b""
        return mode, pixels.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(outcome, items)) == [outcome(data) for data in items]


@pytest.mark.parametrize("kind", [UnreadableImage, NotAnImage])
def test_errors_cross_processes(kind: type[UnreadableImage]) -> None:
    error = pickle.loads(pickle.dumps(kind("too small")))
    assert (type(error), error.reason) == (kind, "too small")


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 60}])
def test_jpeg_pixels_are_pillows_to_the_bit(subsampling: int, options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise()).resize((75, 61)).save(buffer, "JPEG", subsampling=subsampling, **options)
    expected = np.asarray(Image.open(buffer).convert("RGB"))
    assert np.array_equal(rgb(buffer.getvalue(), "RGB"), expected)


# --- in grey, perhaps reduced

GREY: dict[str, int] = {"max_pixels": 100_000, "min_side": 8, "min_reduced": 64}


@EVERY_FORMAT
def test_grey_is_the_luma_of_the_pixels(data: bytes) -> None:
    pixels, mode = decode(data, max_pixels=10_000, min_side=8)
    reduced_pixels, shape, grey_mode = decode_grey(data, **GREY)
    assert (shape, grey_mode) == (pixels.shape[:2], mode)
    assert (reduced_pixels.dtype, reduced_pixels.ndim) == (np.dtype(np.uint8), 2)
    luma = np.asarray(Image.fromarray(pixels).convert("L"))
    # JPEG colours outside RGB are clipped only in the conversion to RGB.
    assert np.abs(reduced_pixels.astype(int) - luma).max() <= (16 if data[:2] == b"\xff\xd8" else 0)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}, {"exif": True}], ids=str)
@pytest.mark.parametrize(("height", "width", "reduced"), [(200, 300, (75, 113)), (64, 500, (64, 500))])
def test_a_jpeg_is_reduced_down_to_the_minimal_side(
    height: int, width: int, reduced: tuple[int, int], options: dict[str, Any]
) -> None:
    image = Image.fromarray(smooth()).resize((width, height), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274] = 6
    rotated = "exif" in options
    data = encode(image, "JPEG", quality=95, **({"exif": exif} if rotated else options))
    reduced_pixels, shape, mode = decode_grey(data, **(GREY | {"max_pixels": width * height}))
    assert (shape, mode) == ((width, height) if rotated else (height, width), "RGB")
    assert reduced_pixels.shape == (shape if rotated else reduced)
    full = Image.fromarray(rgb_of(data)).convert("L").resize(reduced_pixels.shape[::-1], Image.Resampling.BOX)
    assert np.abs(reduced_pixels.astype(int) - np.asarray(full)).mean() < 2


def rgb_of(data: bytes) -> np.ndarray:
    return decode(data, max_pixels=100_000, min_side=8)[0]
