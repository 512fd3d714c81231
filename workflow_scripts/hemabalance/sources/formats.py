"""The image formats that are read, recognised by content: a whitelist, because the files are untrusted."""

import struct

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
READABLE = "JPEG, PNG, TIFF, BMP or WebP"

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Bytes of the second header of a BMP: two letters alone would make a BMP of many a text."""

# Formats of pictures and slides that are not read, for a reason that names them: offset, signature, name.
_FOREIGN = (
    (0, b"GIF8", "GIF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"8BPS", "Photoshop"),
    (0, b"%PDF", "PDF"),
    (128, b"DICM", "DICOM"),
    (0, b"ZISRAWFILE", "CZI"),
)


def format_of(data: bytes) -> str | None:
    """Return `JPEG`, `PNG`, `TIFF`, `BMP` or `WebP` by the first bytes of a file, or None."""
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    is_bmp = data[:2] == b"BM" and len(data) >= 18 and struct.unpack_from("<I", data, 14)[0] in _BMP_HEADERS
    return "BMP" if is_bmp else None


def foreign_format_of(data: bytes) -> str | None:
    """Return the name of a known format that is not read (`GIF`, `DICOM`, ...), or None."""
    return next((name for offset, signature, name in _FOREIGN if data.startswith(signature, offset)), None)
