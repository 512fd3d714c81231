import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from helpers.image_files import EVERY_FORMAT, HEIGHT, SAMPLES, WIDTH, encode, noise, refusal, smooth
from hemabalance.sources.decode import NotAnImage, UnreadableImage, decode, decode_grey, has_signature


def test_empty_file() -> None:
    assert refusal(b"").reason == "empty file"
    assert not isinstance(refusal(b""), NotAnImage)


@pytest.mark.parametrize(
    "data", [b"x", b"plain text", b"BM" + bytes(50), b"BMI and height\n" * 9, b"RIFF\1\2\3\4WAVE", b"\xff\xd8"]
)
def test_not_an_image(data: bytes) -> None:
    assert isinstance(refusal(data, "not a JPEG, PNG, TIFF, BMP or WebP file"), NotAnImage)
    assert not has_signature(data)


FOREIGN = {
    "GIF": encode(noise(), "GIF"),
    "AVIF": b"\0\0\0\x20ftypavif",
    "HEIC": b"\0\0\0\x18ftypheic",
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "PDF": b"%PDF-1.7",
    "DICOM": bytes(128) + b"DICM",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_format_that_is_not_read_is_named(name: str) -> None:
    error = refusal(FOREIGN[name], f"a {name} file, not a JPEG, PNG, TIFF, BMP or WebP file")
    assert isinstance(error, NotAnImage)
    assert error.remedy == "Convert it to PNG or TIFF"


IGNORE_TAG_WARNINGS = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")


@IGNORE_TAG_WARNINGS
@EVERY_FORMAT
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_truncated(data: bytes, share: float) -> None:
    error = refusal(data[: int(len(data) * share)], "damaged, truncated or unsupported")
    assert not isinstance(error, NotAnImage)


def test_jpeg_without_its_last_byte() -> None:
    refusal(SAMPLES["JPEG"][:-1], "JPEG", "image file is truncated")


@IGNORE_TAG_WARNINGS
def test_damaged_file_names_the_format() -> None:
    signatures = {
        "JPEG": b"\xff\xd8\xff",
        "PNG": b"\x89PNG\r\n\x1a\n",
        "TIFF": b"II*\0",
        "BMP": SAMPLES["BMP"][:18],
        "WebP": SAMPLES["WebP"][:12],
    }
    for file_format, signature in signatures.items():
        refusal(signature + b"nothing that follows", f"damaged, truncated or unsupported {file_format}")


def with_exif(file_format: str) -> bytes:
    exif = Image.Exif()
    exif.update({274: 3, 271: "maker", 270: "what it shows"})
    return encode(smooth(), file_format, exif=exif)


def run_length_bmp() -> bytes:
    """A grey BMP of 8 bits in run-length encoding, each row one run."""
    palette = b"".join(bytes([v, v, v, 0]) for v in range(256))
    rows = b"".join(bytes([WIDTH, row * 10, 0, 0]) for row in range(HEIGHT)) + b"\0\1"
    offset = 54 + len(palette)
    header = struct.pack("<2sIII", b"BM", offset + len(rows), 0, offset)
    header += struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return header + palette + rows


RUN_LENGTH_BMP = run_length_bmp()


def test_run_length_bmp_is_read_and_refused_if_truncated() -> None:
    pixels, mode = decode(RUN_LENGTH_BMP, max_pixels=10_000, min_side=8)
    assert mode in ("L", "P")
    assert pixels[::-1, 0, 0].tolist() == [row * 10 for row in range(HEIGHT)]
    refusal(RUN_LENGTH_BMP[:-20], "damaged, truncated or unsupported BMP")


FUZZED = {
    **SAMPLES,
    "JPEG with EXIF": with_exif("JPEG"),
    "PNG with EXIF": with_exif("PNG"),
    "TIFF with EXIF": with_exif("TIFF"),
    "WebP with EXIF": with_exif("WEBP"),
    "BMP run-length": RUN_LENGTH_BMP,
    "palette": encode(Image.fromarray(noise()).quantize(16), "PNG", transparency=bytes([255] * 16)),
}


@pytest.mark.parametrize("kind", FUZZED)
@pytest.mark.filterwarnings("ignore")  # Pillow's warnings on damaged tags
def test_damaged_bytes_give_pixels_or_a_reason(kind: str) -> None:
    rng = random.Random(kind)
    intact = FUZZED[kind]
    reasons = []
    for _ in range(60):
        data = bytearray(intact[: rng.randrange(1, len(intact))] if rng.random() < 0.3 else intact)
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


def outcome_of(decoder: Callable[..., Any], data: bytes, **options: int) -> str:
    try:
        decoder(data, max_pixels=100_000, min_side=8, **options)
    except UnreadableImage as error:
        return error.reason
    return "an image"


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 2}, {"restart_marker_rows": 1}], ids=str
)
def test_reduced_decoding_detects_the_same_damage(options: dict[str, Any]) -> None:
    sound = encode(Image.fromarray(smooth()).resize((160, 150)), "JPEG", quality=90, **options)
    rng = random.Random(5)
    damaged = [sound[:length] for length in range(len(sound) - 1, 100, -97)]
    for _ in range(150):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(2, len(data))] = rng.randrange(256)
        damaged.append(bytes(data))
    expected = [outcome_of(decode, data) for data in damaged]
    assert [outcome_of(decode_grey, data, min_reduced=64) for data in damaged] == expected
    assert len(set(expected)) > 2
    assert outcome_of(decode_grey, sound, min_reduced=64) == "an image"
