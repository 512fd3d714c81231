"""Remove the metadata of a PNG or JPEG that no pixel depends on, for files that it alone makes unreadable."""

import struct
import zlib
from collections.abc import Iterator

_PNG_SIGNATURE_BYTES = 8
_PNG_PIXEL_CHUNKS = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
_PNG_XMP = b"XML:com.adobe.xmp\0\0"
_SOI, _SOS, _EOI = b"\xff\xd8", 0xDA, 0xD9
_APP0, _APP1, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_LEAST_BODY = {_APP0: 14, _APP14: 12}  # of JFIF and Adobe, which say how colours are stored


def without_metadata(kind: str, data: bytes) -> bytes | None:
    """Return a PNG or JPEG without colour profile, texts and all else that changes no pixel; None for other formats.

    What may tell the orientation is kept: EXIF, in a PNG only with a right checksum, and uncompressed XMP in a PNG.
    Transparency and animation are kept, so that both are still refused.

    Args:
        kind: format as `formats.format_of` names it.
        data: content of the file, perhaps damaged; what cannot be followed is kept as it is.
    """
    if kind == "PNG":
        return data[:_PNG_SIGNATURE_BYTES] + b"".join(_png_chunks(data))
    return _SOI + b"".join(_jpeg_segments(data)) if kind == "JPEG" else None


def _png_chunks(data: bytes) -> Iterator[bytes]:
    start = _PNG_SIGNATURE_BYTES
    while len(data) >= start + 12:
        (length,) = struct.unpack_from(">I", data, start)
        end = start + 12 + length
        kind, body = data[start + 4 : start + 8], data[start + 8 : end - 4]
        is_critical = not kind[0] & 0x20
        is_sound = data[end - 4 : end] == struct.pack(">I", zlib.crc32(kind + body))
        tells_orientation = kind == b"eXIf" or (kind == b"iTXt" and body.startswith(_PNG_XMP))
        if end > len(data) or is_critical or kind in _PNG_PIXEL_CHUNKS or (tells_orientation and is_sound):
            yield data[start:end]
        start = end
    yield data[start:]


def _jpeg_segments(data: bytes) -> Iterator[bytes]:
    start = len(_SOI)
    while len(data) >= start + 4 and data[start] == 0xFF and data[start + 1] not in (_SOS, _EOI, 0xFF):
        marker = data[start + 1]
        (length,) = struct.unpack_from(">H", data, start + 2)
        is_metadata = (_APP0 <= marker <= _APP15 and marker != _APP1) or marker == _COM
        if not is_metadata or length - 2 >= _LEAST_BODY.get(marker, 1 << 16):
            yield data[start : start + 2 + length]
        start += 2 + length
    yield data[start:]
