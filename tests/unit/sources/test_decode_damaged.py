import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from helpers.image_files import EVERY_FORMAT, SAMPLES, encode, noise, refusal, smooth
from hemabalance.sources.decode import NotAnImage, UnreadableImage, decode, decode_grey, has_signature


def test_empty_file() -> None:
    assert refusal(b"").reason == "empty file"
    assert not isinstance(refusal(b""), NotAnImage)


@pytest.mark.parametrize("data", [b"x", b"plain text", b"GIF89a" + bytes(50), b"BM" + bytes(50), b"\xff\xd8", b"%PDF"])
def test_not_an_image(data: bytes) -> None:
    assert isinstance(refusal(data, "not a JPEG, PNG, TIFF, BMP or WebP file"), NotAnImage)
    assert not has_signature(data)


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
    for file_format, signature in {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "TIFF": b"II*\0"}.items():
        refusal(signature + b"nothing that follows", f"damaged, truncated or unsupported {file_format}")


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
