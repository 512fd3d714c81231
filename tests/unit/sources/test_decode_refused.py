import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from helpers.image_files import EVERY_FORMAT, HEIGHT, SAMPLES, WIDTH, bmp32, encode, noise, png, refusal, rgb, tiff
from hemabalance.sources.decode import decode


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_transparent_pixels(mode: str, file_format: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    image.putpixel((3, 4), (*[9] * (len(mode) - 1), 254))
    refusal(encode(image, file_format), "alpha channel is not fully opaque")


def test_transparent_bmp_and_webp() -> None:
    image = Image.fromarray(noise()).convert("RGBA")
    image.putpixel((3, 4), (9, 9, 9, 254))
    refusal(encode(image, "WEBP", lossless=True), "alpha channel is not fully opaque")
    bmp = bmp32(noise(), noise((HEIGHT, WIDTH)), declares_alpha=True)
    refusal(bmp, "alpha channel is not fully opaque")


@pytest.mark.filterwarnings("error")
def test_transparent_palette() -> None:
    image = Image.fromarray(noise()).quantize(8)
    refusal(encode(image, "PNG", transparency=2), "not fully opaque")
    refusal(encode(image, "PNG", transparency=bytes([255, 254])), "not fully opaque")
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(rgb(encode(image, "PNG", transparency=bytes([255] * 8)), "P"), expected)


def test_transparent_colour_key() -> None:
    values = noise()
    refusal(encode(values, "PNG", transparency=tuple(map(int, values[0, 0]))), "not fully opaque")
    refusal(encode(values[..., 0], "PNG", transparency=int(values[0, 0, 0])), "not fully opaque")
    dark = values // 2
    assert np.array_equal(rgb(encode(dark, "PNG", transparency=(255, 255, 255)), "RGB"), dark)
    deep = noise((HEIGHT, WIDTH), np.uint16)
    key = struct.pack(">H", deep[2, 2])
    refusal(png(deep, 0, [(b"tRNS", key)]), "not fully opaque")


UNSUPPORTED: dict[str, list[tuple[type, int, int, int]]] = {
    "32-bit floating-point": [(np.float32, 32, 3, 1), (np.float32, 32, 3, 3)],
    "64-bit floating-point": [(np.float64, 64, 3, 1)],
    "32-bit unsigned integer": [(np.uint32, 32, 1, 1), (np.uint32, 32, 1, 3)],
    "32-bit signed integer": [(np.int32, 32, 2, 1)],
    "16-bit signed integer": [(np.int16, 16, 2, 1)],
    "12-bit unsigned integer": [(np.uint16, 12, 1, 1)],
}


@pytest.mark.parametrize(("depth", "case"), [(depth, case) for depth, cases in UNSUPPORTED.items() for case in cases])
def test_depths_that_are_not_supported(depth: str, case: tuple[type, int, int, int]) -> None:
    dtype, bits, sample_format, channels = case
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    data = tiff(np.ones(shape, dtype), bits, sample_format, photometric=1 if channels == 1 else 2)
    refusal(data, depth, "supported are 1 to 8 bits, and 16-bit unsigned integers")


def test_colour_space_that_is_not_supported() -> None:
    lab = ImageCms.applyTransform(
        Image.fromarray(noise()),
        ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
    )
    assert lab is not None
    refusal(encode(lab, "TIFF"), "pixel mode LAB is not supported")


@EVERY_FORMAT
def test_pixel_limit(data: bytes) -> None:
    pixel_count = HEIGHT * WIDTH
    assert decode(data, max_pixels=pixel_count, min_side=1)[0].shape == (HEIGHT, WIDTH, 3)
    refusal(data, f"{WIDTH}x{HEIGHT} pixels are more than the {pixel_count - 1} allowed", max_pixels=pixel_count - 1)


def test_pixel_limit_holds_before_anything_is_decoded() -> None:
    huge = bytearray(SAMPLES["PNG"])
    header = struct.pack(">2I", 60_000, 50_000) + bytes(huge[24:29])
    huge[16:29] = header
    huge[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refusal(bytes(huge), "60000x50000 pixels are more than the 40000000 allowed", max_pixels=40_000_000)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_pillows_own_limit_refuses_without_a_warning(file_format: str) -> None:
    data = encode(
        Image.new("1", (10_000, 9_000)), file_format, **({"compression": "group4"} if file_format == "TIFF" else {})
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refusal(data, "10000x9000 pixels are more than the 89478485 allowed", max_pixels=10**9)


@EVERY_FORMAT
def test_shortest_side(data: bytes) -> None:
    assert decode(data, max_pixels=10_000, min_side=HEIGHT)[0].shape == (HEIGHT, WIDTH, 3)
    refusal(data, f"{WIDTH}x{HEIGHT} pixels, the shorter side is under 25", min_side=HEIGHT + 1)


@pytest.mark.parametrize(("pages", "named"), [(2, "2 frames"), (7, "7 frames"), (120, "more than 100 frames")])
def test_tiff_of_several_pages(pages: int, named: str) -> None:
    pages_after_first = [Image.fromarray(noise(seed=page)) for page in range(1, pages)]
    refusal(encode(noise(), "TIFF", save_all=True, append_images=pages_after_first), f"holds {named}", "a single image")


def test_animated_png() -> None:
    frames_after_first = [Image.fromarray(noise(seed=frame)) for frame in (1, 2)]
    refusal(encode(noise(), "PNG", save_all=True, append_images=frames_after_first), "holds 3 frames", "a single image")


def test_animated_webp() -> None:
    frames_after_first = [Image.fromarray(noise(seed=frame)) for frame in (1, 2)]
    data = encode(noise(), "WEBP", save_all=True, append_images=frames_after_first)
    error = refusal(data, "holds 3 frames", "a single image")
    assert error.remedy == "Save the frame that shows the cell as a file of its own"


@pytest.mark.parametrize(
    ("side", "limit"), [(28, 16), (31, 16), (16, 16), (9, 8), (1, 1)], ids=lambda value: str(value)
)
def test_remedy_of_a_small_image_is_the_setting_that_lets_it_in(side: int, limit: int) -> None:
    data = encode(noise((side, 40, 3)), "PNG")
    error = refusal(data, f"40x{side} pixels, the shorter side is under 32", min_side=32)
    assert f"set pixels: {{min_side: {limit}}} in the config" in error.remedy
    assert decode(data, max_pixels=10_000, min_side=limit)[0].shape == (side, 40, 3)


def test_remedy_of_a_large_image() -> None:
    error = refusal(SAMPLES["PNG"], "more than the 100 allowed", max_pixels=100)
    assert "set pixels: {max_pixels: 10000000} in the config" in error.remedy
    huge = encode(Image.new("1", (10_000, 9_000)), "PNG")
    assert refusal(huge, max_pixels=10**9).remedy == "Cut it into images of single cells"
