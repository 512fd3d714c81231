import io
import pickle
import random
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from hemabalance.sources.decode import NotAnImage, UnreadableImage, decode, has_signature

HEIGHT, WIDTH = 24, 36


def noise(shape: tuple[int, ...] = (HEIGHT, WIDTH, 3), dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth() -> np.ndarray:
    """Colours that survive JPEG, different in every corner."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([down * 10, across * 7, 255 - down * 5 - across * 3], axis=2).astype(np.uint8)


def encode(image: Image.Image | np.ndarray, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, file_format, **options)
    return buffer.getvalue()


def png(samples: np.ndarray, colour_type: int, extra: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A PNG of exactly these samples (height, width[, channels]) and chunks, in depths that Pillow cannot write."""
    height, width = samples.shape[:2]
    depth = samples.dtype.itemsize * 8
    rows = b"".join(b"\0" + row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in samples)
    header = struct.pack(">2I5B", width, height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def tiff(samples: np.ndarray, bits: int, sample_format: int, photometric: int) -> bytes:
    """A TIFF of these samples (height, width[, channels]) in any depth."""
    height, width, channels = (*samples.shape, 1)[:3]
    pixels = samples.tobytes()
    after = 8 + len(pixels)
    tags = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits] * channels),
        (259, 3, [1]),
        (262, 3, [photometric]),
        (273, 4, [8]),
        (277, 3, [channels]),
        (278, 4, [height]),
        (279, 4, [len(pixels)]),
        (339, 3, [sample_format] * channels),
    ]
    directory, overflow = struct.pack("<H", len(tags)), b""
    overflow_at = after + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        value = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(value) > 4:
            overflow, value = overflow + value, struct.pack("<I", overflow_at + len(overflow))
        directory += struct.pack("<HHI", tag, kind, len(values)) + value.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", after) + pixels + directory + bytes(4) + overflow


def rgb(data: bytes, mode: str) -> np.ndarray:
    """What decode returns, after checking the promises that hold for every image."""
    pixels, found = decode(data, max_pixels=10_000, min_side=8)
    assert found == mode
    assert pixels.dtype == np.uint8
    assert (pixels.ndim, pixels.shape[2]) == (3, 3)
    assert pixels.flags.c_contiguous
    assert not pixels.flags.writeable
    return pixels


def refusal(data: bytes, *words: str, max_pixels: int = 10_000, min_side: int = 8) -> UnreadableImage:
    with pytest.raises(UnreadableImage) as caught:
        decode(data, max_pixels=max_pixels, min_side=min_side)
    assert caught.value.reason == str(caught.value)
    for word in words:
        assert word in caught.value.reason
    return caught.value


def as_pillow_reads(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


SAMPLES = {
    "JPEG": encode(smooth(), "JPEG", quality=95),
    "PNG": encode(noise(), "PNG"),
    "TIFF": encode(noise(), "TIFF", compression="tiff_lzw"),
    "TIFF raw": encode(noise(), "TIFF"),
}
EVERY_FORMAT = pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[..., None], 3, axis=2)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_rgb_tiff(compression: str) -> None:
    assert np.array_equal(rgb(encode(noise(), "TIFF", compression=compression), "RGB"), noise())


def test_big_tiff() -> None:
    assert np.array_equal(rgb(encode(noise(), "TIFF", big_tiff=True), "RGB"), noise())


def test_rgb_png() -> None:
    assert np.array_equal(rgb(SAMPLES["PNG"], "RGB"), noise())


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


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_transparent_pixels(mode: str, file_format: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    image.putpixel((3, 4), (*[9] * (len(mode) - 1), 254))
    refusal(encode(image, file_format), "alpha channel is not fully opaque")


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


# What a viewer does with stored rows and columns to show the image upright.
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
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = smooth() if file_format == "JPEG" else noise()
    pixels = rgb(encode(stored, file_format, exif=exif), "RGB")
    plain = rgb(encode(stored, file_format), "RGB")
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


def test_empty_file() -> None:
    assert refusal(b"").reason == "empty file"
    assert not isinstance(refusal(b""), NotAnImage)


@pytest.mark.parametrize("data", [b"x", b"plain text", b"GIF89a" + bytes(50), b"BM" + bytes(50), b"\xff\xd8", b"%PDF"])
def test_not_an_image(data: bytes) -> None:
    assert isinstance(refusal(data, "not a JPEG, PNG or TIFF file"), NotAnImage)
    assert not has_signature(data)


@EVERY_FORMAT
def test_signature(data: bytes) -> None:
    assert has_signature(data)


TAG_REMARKS = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")


@TAG_REMARKS
@EVERY_FORMAT
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_truncated(data: bytes, share: float) -> None:
    error = refusal(data[: int(len(data) * share)], "damaged, truncated or unsupported")
    assert not isinstance(error, NotAnImage)


def test_jpeg_without_its_last_byte() -> None:
    refusal(SAMPLES["JPEG"][:-1], "JPEG", "image file is truncated")


@TAG_REMARKS
def test_damaged_file_names_the_format() -> None:
    for file_format, signature in {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "TIFF": b"II*\0"}.items():
        refusal(signature + b"nothing that follows", f"damaged, truncated or unsupported {file_format}")


@EVERY_FORMAT
def test_pixel_limit(data: bytes) -> None:
    most = HEIGHT * WIDTH
    assert decode(data, max_pixels=most, min_side=1)[0].shape == (HEIGHT, WIDTH, 3)
    refusal(data, f"{WIDTH}x{HEIGHT} pixels are more than the {most - 1} allowed", max_pixels=most - 1)


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
    others = [Image.fromarray(noise(seed=page)) for page in range(1, pages)]
    refusal(encode(noise(), "TIFF", save_all=True, append_images=others), f"holds {named}", "a single image")


def test_animated_png() -> None:
    others = [Image.fromarray(noise(seed=frame)) for frame in (1, 2)]
    refusal(encode(noise(), "PNG", save_all=True, append_images=others), "holds 3 frames", "a single image")


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


def with_exif(file_format: str) -> bytes:
    exif = Image.Exif()
    exif.update({274: 3, 271: "maker", 270: "what it shows"})
    return encode(smooth(), file_format, exif=exif)


FUZZED = {
    **SAMPLES,
    "JPEG with EXIF": with_exif("JPEG"),
    "PNG with EXIF": with_exif("PNG"),
    "TIFF with EXIF": with_exif("TIFF"),
    "palette": encode(Image.fromarray(noise()).quantize(16), "PNG", transparency=bytes([255] * 16)),
}


@pytest.mark.parametrize("kind", FUZZED)
@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on damaged tags
def test_damaged_bytes_give_pixels_or_a_reason(kind: str) -> None:
    rng = random.Random(kind)
    whole = FUZZED[kind]
    reasons = []
    for _ in range(60):
        data = bytearray(whole[: rng.randrange(1, len(whole))] if rng.random() < 0.3 else whole)
        reach = min(len(data), rng.choice([64, 400, len(data)]))
        for _ in range(rng.randrange(1, 8)):
            data[rng.randrange(reach)] = rng.randrange(256)
        try:
            pixels, _ = decode(bytes(data), max_pixels=1_000_000, min_side=1)
        except UnreadableImage as error:
            reasons.append(error.reason)
        else:
            assert pixels.ndim == 3
    assert len(reasons) > 10
    assert all(reason and " at 0x" not in reason for reason in reasons)
