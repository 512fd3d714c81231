"""Metadata decide nothing but the orientation: an image whose pixels are sound is read."""

import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from helpers.image_files import (
    SAMPLES,
    as_pillow_reads,
    encode,
    noise,
    refusal,
    rgb,
    smooth,
    with_chunks,
    with_riff_chunk,
    with_segment,
)
from hemabalance.sources.metadata import without_metadata

LARGE = bytes(3 << 20)
COMPRESSED = zlib.compress(LARGE)
ROTATED_XMP = b'<x:xmpmeta tiff:Orientation="6"/>'


def turned_exif() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    return exif.tobytes()


PNG_CHUNKS = {
    "eXIf of no TIFF": (b"eXIf", b"garbage"),
    "eXIf, empty": (b"eXIf", b""),
    "eXIf that points outside": (b"eXIf", b"II*\0\xff\xff\xff\xff"),
    "eXIf, cut": (b"eXIf", turned_exif()[6:17]),
    "large colour profile": (b"iCCP", b"profile\0\0" + COMPRESSED),
    "damaged colour profile": (b"iCCP", b"profile\0\0not compressed"),
    "colour profile without a body": (b"iCCP", b""),
    "large compressed text": (b"zTXt", b"Comment\0\0" + COMPRESSED),
    "text of an unknown compression": (b"zTXt", b"Comment\0\x09text"),
    "large international text": (b"iTXt", b"Comment\0\1\0\0\0" + COMPRESSED),
    "large XMP": (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + COMPRESSED),
    "large plain text": (b"tEXt", b"Comment\0" + LARGE),
    "EXIF of ImageMagick": (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 4\nno hex digits")),
    "short pHYs": (b"pHYs", b"\0\0"),
    "short gAMA": (b"gAMA", b"\0"),
    "short cHRM": (b"cHRM", b"\0\0\0"),
    "short sRGB": (b"sRGB", b""),
    "private": (b"prVt", b"anything"),
}


# Pillow warns on tags that point outside.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("damage", [False, True], ids=["right checksum", "wrong checksum"])
@pytest.mark.parametrize("place", ["before the pixels", "after the pixels"])
@pytest.mark.parametrize("chunk", PNG_CHUNKS.values(), ids=PNG_CHUNKS)
def test_png(chunk: tuple[bytes, bytes], place: str, damage: bool) -> None:
    data = SAMPLES["PNG"]
    if place == "before the pixels":
        data = with_chunks(data, chunk, damage=damage)
    else:
        extra = with_chunks(data[:33], chunk, damage=damage)[33:]
        data = data[:-12] + extra + data[-12:]
    assert np.array_equal(rgb(data, "RGB"), noise())


def test_many_texts_of_a_png() -> None:
    texts = [(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 20)))] * 70  # over Pillow's limit of their sum
    assert np.array_equal(rgb(with_chunks(SAMPLES["PNG"], *texts), "RGB"), noise())


def test_orientation_of_a_png_survives_other_faults() -> None:
    turned = np.rot90(noise(), -1)
    fault = (b"iCCP", b"profile\0\0" + COMPRESSED)
    exif = (b"eXIf", turned_exif()[6:])
    assert np.array_equal(rgb(with_chunks(SAMPLES["PNG"], exif, fault), "RGB"), turned)
    xmp = (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + ROTATED_XMP)
    assert np.array_equal(rgb(with_chunks(SAMPLES["PNG"], fault, xmp), "RGB"), turned)
    assert np.array_equal(rgb(with_chunks(SAMPLES["PNG"], xmp), "RGB"), turned)
    damaged = with_chunks(with_chunks(SAMPLES["PNG"], exif, damage=True), fault)
    assert np.array_equal(rgb(damaged, "RGB"), noise())


def test_what_is_no_metadata_of_a_png_still_refuses_it() -> None:
    fault = (b"iCCP", b"profile\0\0" + COMPRESSED)
    palette = encode(Image.fromarray(noise()).quantize(8), "PNG", transparency=2)
    refusal(with_chunks(palette, fault), "alpha channel is not fully opaque")
    animated = encode(noise(), "PNG", save_all=True, append_images=[Image.fromarray(noise(seed=1))])
    refusal(with_chunks(animated, fault), "holds 2 frames")
    refusal(with_chunks(SAMPLES["PNG"], fault), "the shorter side is under 25", min_side=25)
    first_reason = refusal(with_chunks(SAMPLES["PNG"], fault)[:-200]).reason
    assert "PNG" in first_reason
    damaged = bytearray(with_chunks(SAMPLES["PNG"], fault))
    damaged[-200] ^= 1
    refusal(bytes(damaged), "damaged, truncated or unsupported PNG")


JPEG_SEGMENTS = {
    "short JFIF": (0xE0, b"JFIF\0"),
    "EXIF of no TIFF": (0xE1, b"Exif\0\0garbage"),
    "EXIF that points outside": (0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "short colour profile": (0xE2, b"ICC_PROFILE\0"),
    "large colour profile": (0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)),
    "damaged index of previews": (0xE2, b"MPF\0garbage"),
    "short Photoshop block": (0xED, b"Photoshop 3.0\x008BIM\0\0"),
    "short Adobe": (0xEE, b"Adobe\0"),
    "comment": (0xFE, bytes(65_000)),
    "private": (0xEF, b""),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("segment", JPEG_SEGMENTS.values(), ids=JPEG_SEGMENTS)
def test_jpeg(segment: tuple[int, bytes]) -> None:
    data = with_segment(SAMPLES["JPEG"], *segment)
    assert np.array_equal(rgb(data, "RGB"), as_pillow_reads(SAMPLES["JPEG"]))


def test_orientation_and_colours_of_a_jpeg_survive_other_faults() -> None:
    fault = JPEG_SEGMENTS["short colour profile"]
    turned = encode(smooth(), "JPEG", quality=95, exif=turned_exif())
    assert np.array_equal(rgb(with_segment(turned, *fault), "RGB"), rgb(turned, "RGB"))
    inks = encode(Image.new("CMYK", (40, 40), (0, 255, 0, 0)), "JPEG", quality=95)
    assert np.array_equal(rgb(with_segment(inks, *fault), "CMYK"), rgb(inks, "CMYK"))


RIFF_CHUNKS = {
    "EXIF of no TIFF": (b"EXIF", b"garbage", 0x08),
    "EXIF that points outside": (b"EXIF", b"II*\0\xff\xff\xff\xff", 0x08),
    "large XMP": (b"XMP ", LARGE, 0x04),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("chunk", RIFF_CHUNKS.values(), ids=RIFF_CHUNKS)
def test_webp(chunk: tuple[bytes, bytes, int]) -> None:
    data = encode(noise(), "WEBP", lossless=True, icc_profile=LARGE)
    assert np.array_equal(rgb(data, "RGB"), noise())
    assert np.array_equal(rgb(with_riff_chunk(data, *chunk), "RGB"), noise())


@pytest.mark.filterwarnings("ignore")  # Pillow's warnings on damaged tags
@pytest.mark.parametrize("kind", [2, 3, 4, 5, 7, 12])
@pytest.mark.parametrize("tag", [270, 282, 305, 700, 33723, 34377, 34665, 34675])
def test_tiff(tag: int, kind: int) -> None:
    """The entry of a description becomes one of `tag` and type `kind`, whose values lie outside the file."""
    data = encode(noise(), "TIFF", description="x" * 9)
    description = struct.pack("<HHI", 270, 2, 10)
    assert data.count(description) == 1
    start = data.index(description)
    fault = struct.pack("<HHII", tag, kind, 0xFFFFFF, 0x7FFFFFFF)
    assert np.array_equal(rgb(data[:start] + fault + data[start + 12 :], "RGB"), noise())


def test_large_metadata_of_a_tiff() -> None:
    data = encode(noise(), "TIFF", icc_profile=LARGE, description="x" * len(LARGE), tiffinfo={700: LARGE})
    assert np.array_equal(rgb(data, "RGB"), noise())


def test_damaged_files_of_other_formats_have_no_second_try() -> None:
    assert without_metadata("TIFF", SAMPLES["TIFF"]) is None
    assert without_metadata("BMP", SAMPLES["BMP"]) is None
    assert without_metadata("WebP", SAMPLES["WebP"]) is None


def test_what_cannot_be_followed_is_kept() -> None:
    rng = random.Random(4)
    for kind in ("PNG", "JPEG"):
        sound = SAMPLES[kind]
        for _ in range(200):
            data = bytearray(sound[: rng.randrange(8, len(sound))])
            data[rng.randrange(8, 9 + len(data) // 2) % len(data)] = rng.randrange(256)
            bare = without_metadata(kind, bytes(data))
            assert bare is not None
            assert len(bare) <= len(data)
    assert without_metadata("PNG", SAMPLES["PNG"]) == SAMPLES["PNG"]


def test_texts_that_are_sound_change_nothing() -> None:
    info = PngInfo()
    info.add_text("Comment", "stained on Monday")
    assert np.array_equal(rgb(encode(noise(), "PNG", pnginfo=info), "RGB"), noise())
