"""Image files for tests, in every format and depth, and checks of the results and errors of `decode`."""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hemabalance.sources.decode import UnreadableImage, decode

HEIGHT, WIDTH = 24, 36


def noise(shape: tuple[int, ...] = (HEIGHT, WIDTH, 3), dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth() -> np.ndarray:
    """A colour gradient that JPEG preserves, different in every corner."""
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


def with_chunks(data: bytes, *chunks: tuple[bytes, bytes], damage: bool = False) -> bytes:
    """The PNG with these chunks (kind, body) after its header; their checksums are wrong if `damage`."""
    head = 8 + 25  # signature and IHDR
    extra = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body) ^ damage)
        for kind, body in chunks
    )
    return data[:head] + extra + data[head:]


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with this segment after its first marker."""
    return data[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_riff_chunk(data: bytes, kind: bytes, body: bytes, flag: int) -> bytes:
    """The WebP, which already has some metadata, with one more chunk at its end, announced by `flag` in its header."""
    assert data[12:16] == b"VP8X"
    chunk = kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    grown = bytearray(data + chunk)
    grown[20] |= flag
    struct.pack_into("<I", grown, 4, len(grown) - 8)
    return bytes(grown)


def bmp32(colours: np.ndarray, alpha: np.ndarray, *, declares_alpha: bool) -> bytes:
    """A BMP of 32 bits from (height, width, 3) and (height, width) uint8, whose header declares the alpha or not."""
    height, width = alpha.shape
    pixels = np.concatenate([colours[:, :, ::-1], alpha[:, :, None]], axis=2)[::-1].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) if declares_alpha else b""
    header = struct.pack("<iiHHIIiiII", width, height, 1, 32, 3 if declares_alpha else 0, len(pixels), 0, 0, 0, 0)
    header = (header + masks).ljust(104 if declares_alpha else 36, b"\0")
    offset = 14 + 4 + len(header)
    return struct.pack("<2sIIII", b"BM", offset + len(pixels), 0, offset, 4 + len(header)) + header + pixels


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
    """Return the pixels from `decode`, after checking the properties that hold for every image."""
    pixels, decoded_mode = decode(data, max_pixels=10_000, min_side=8)
    assert decoded_mode == mode
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
        assert word in caught.value.reason, caught.value.reason
    return caught.value


def as_pillow_reads(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


SAMPLES = {
    "JPEG": encode(smooth(), "JPEG", quality=95),
    "PNG": encode(noise(), "PNG"),
    "TIFF": encode(noise(), "TIFF", compression="tiff_lzw"),
    "TIFF raw": encode(noise(), "TIFF"),
    "BMP": encode(noise(), "BMP"),
    "WebP": encode(noise(), "WEBP", lossless=True),
    "WebP lossy": encode(smooth(), "WEBP", quality=90),
}
EVERY_FORMAT = pytest.mark.parametrize("data", SAMPLES.values(), ids=SAMPLES)


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[..., None], 3, axis=2)
