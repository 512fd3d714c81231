"""Decode untrusted JPEG, PNG or TIFF bytes to RGB pixels."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import simplejpeg
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

Plugin = type[JpegImageFile] | type[PngImageFile] | type[TiffImageFile]

SIGNATURES: dict[bytes, tuple[str, Plugin]] = {
    b"\xff\xd8\xff": ("JPEG", JpegImageFile),
    b"\x89PNG\r\n\x1a\n": ("PNG", PngImageFile),
    b"II*\0": ("TIFF", TiffImageFile),
    b"MM\0*": ("TIFF", TiffImageFile),
    b"II+\0": ("TIFF", TiffImageFile),
    b"MM\0+": ("TIFF", TiffImageFile),
}
GREY16 = {"I;16", "I;16L", "I;16B", "I;16N"}
ALPHA = {"RGBA", "RGBa", "LA", "PA"}
OPAQUE = {"RGB", "RGBX", "L", "1", "P", "CMYK", "YCbCr"}
SUPPORTED = "supported are 1 to 8 bits, and 16-bit unsigned integers"
MAX_COUNTED_FRAMES = 100
TRANSPOSE_OF_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION, BITS, PHOTOMETRIC, SAMPLE_FORMAT = 274, 258, 262, 339


@dataclass(frozen=True)
class PixelLimits:
    """Limits of a single image, and which images get a hash of their pixels (section `pixels` of the config)."""

    max_pixels: int
    min_side: int
    hash: Literal["where_needed", "all"]


class UnreadableImage(ValueError):  # noqa: N818 - named for the condition, not as an error
    """The bytes give no usable RGB image; `reason` is a human-readable clause."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NotAnImage(UnreadableImage):
    """The bytes have no JPEG, PNG or TIFF signature."""


def decode(data: bytes, *, max_pixels: int, min_side: int) -> tuple[np.ndarray, str]:
    """Decode one image; safe to call from several threads.

    Grey and palette images are expanded to three channels. 16-bit grey v becomes round(v / 257); 16-bit colour is
    reduced to its high byte, as Pillow does. CMYK is converted without a colour profile, in JPEG with Adobe's inverted
    inks. EXIF orientation is applied. If previews follow a JPEG (MPO), the main image is decoded.

    Args:
        data: content of the file.
        max_pixels: maximum of width x height that the header may declare; checked before any pixel is decoded. Pillow's
            own limit of 89 million applies too.
        min_side: minimum of width and height.

    Returns:
        RGB uint8 (height, width, 3), C-contiguous and read-only; and the mode of the file as Pillow names it.

    Raises:
        NotAnImage: no JPEG, PNG or TIFF signature.
        UnreadableImage: the image is empty, damaged, truncated, too large or too small, has several frames, is not
            fully opaque, or has an unsupported sample depth.
    """
    with _open_checked(data, max_pixels, min_side) as image:
        mode = image.mode
        pixels = _jpeg_pixels(data, image)
        return (np.asarray(_load_rgb(image)) if pixels is None else pixels), mode


def decode_grey(
    data: bytes, *, max_pixels: int, min_side: int, min_reduced: int
) -> tuple[np.ndarray, tuple[int, int], str]:
    """Decode one image to grey, a JPEG at reduced size and in under half the time of `decode`.

    Every byte is still read and checked: any image that `decode` refuses is refused for the same reason.

    Args:
        data, max_pixels, min_side: as for `decode`.
        min_reduced: a JPEG is reduced (to an eighth at most) as long as both sides keep at least this many pixels.

    Returns:
        Luma (ITU-R BT.601, as in JPEG) uint8 (rows, columns), upright; (height, width) of the full-size image as
        returned by `decode`; and the mode of the file as Pillow names it.

    Raises:
        NotAnImage, UnreadableImage: as `decode`.
    """
    with _open_checked(data, max_pixels, min_side) as image:
        mode = image.mode
        reduced = _jpeg_pixels(data, image, colorspace="GRAY", min_height=min_reduced, min_width=min_reduced)
        if reduced is not None:
            return reduced[:, :, 0], (image.height, image.width), mode
        full = _load_rgb(image)
        return np.asarray(full.convert("L")), (full.height, full.width), mode


@contextmanager
def _open_checked(data: bytes, max_pixels: int, min_side: int) -> Iterator[ImageFile]:
    """Yield the image with its header checked and no pixel decoded; turn errors of the block into UnreadableImage."""
    if not data:
        raise UnreadableImage("empty file")
    kind, plugin = _recognise(data)
    try:
        # Not Image.open: its check of the pixel count issues a warning through process-wide state.
        image = plugin(io.BytesIO(data))
        _check_header(image, max_pixels, min_side)
        yield image
    except UnreadableImage:
        raise
    except Exception as error:  # on hostile bytes Pillow raises exceptions of nearly any type
        raise UnreadableImage(_reason_of(kind, data, error)) from error


def has_signature(data: bytes) -> bool:
    """Whether the bytes begin with a JPEG, PNG or TIFF signature."""
    return any(data.startswith(signature) for signature in SIGNATURES)


def _recognise(data: bytes) -> tuple[str, Plugin]:
    for signature, file_format in SIGNATURES.items():
        if data.startswith(signature):
            return file_format
    raise NotAnImage("not a JPEG, PNG or TIFF file")


def _check_header(image: ImageFile, max_pixels: int, min_side: int) -> None:
    width, height = image.size
    limit = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels)
    if width * height > limit:
        raise UnreadableImage(f"{width}x{height} pixels are more than the {limit} allowed")
    if min(width, height) < min_side:
        raise UnreadableImage(f"{width}x{height} pixels, the shorter side is under {min_side}")
    if getattr(image, "is_animated", False):
        raise UnreadableImage(f"holds {_frames(image)} frames, a single image was expected")
    if isinstance(image, TiffImageFile) and (image.mode in ("I", "F") or image.mode in GREY16):
        depth = _depth(image.tag_v2)
        if image.mode not in GREY16 or depth != "16-bit unsigned integer":
            raise UnreadableImage(f"{depth} samples, {SUPPORTED}")
    if image.mode not in GREY16 | ALPHA | OPAQUE:
        raise UnreadableImage(f"pixel mode {image.mode} is not supported")


def _frames(image: ImageFile) -> str:
    if not isinstance(image, TiffImageFile):
        return str(getattr(image, "n_frames", "several"))
    # TiffImageFile.n_frames takes quadratic time in the number of pages, which a hostile file can make very large.
    for page in range(1, MAX_COUNTED_FRAMES + 1):
        try:
            image.seek(page)
        except EOFError:
            return str(page)
    return f"more than {MAX_COUNTED_FRAMES}"


def _load_rgb(image: ImageFile) -> Image.Image:
    image.load()
    return _upright(_rgb(image), image)


def _rgb(image: ImageFile) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in GREY16:
        return _rgb_of_grey16(image)
    # Pillow cannot convert premultiplied colour to RGB directly, and warns when it converts a transparent palette.
    via_rgba = image.mode == "RGBa" or "transparency" in image.info
    flat = image.convert("RGBA") if via_rgba else image
    if flat.mode in ALPHA and flat.getchannel(len(flat.getbands()) - 1).getextrema()[0] != 255:
        raise UnreadableImage("its alpha channel is not fully opaque")
    return flat.convert("RGB")


def _rgb_of_grey16(image: ImageFile) -> Image.Image:
    grey = np.asarray(image).astype(np.uint32)
    if "transparency" in image.info and bool(np.any(grey == image.info["transparency"])):
        raise UnreadableImage("its alpha channel is not fully opaque")
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC) == 0:
        grey = 65535 - grey  # white is zero; Pillow handles this for 8 bits only
    return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")


def _jpeg_pixels(data: bytes, image: ImageFile, **options: Any) -> np.ndarray | None:
    """Decode the same pixels as Pillow in two thirds of its time; None if the file must go through Pillow.

    simplejpeg, which gets `options`, raises on everything that libjpeg only warns of.
    """
    if not isinstance(image, JpegImageFile) or image.mode != "RGB" or _transpose_of(image) is not None:
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != image.size:
            return None
        pixels: np.ndarray = simplejpeg.decode_jpeg(data, **options)
    except ValueError:
        return None
    pixels.flags.writeable = False
    return pixels


def _transpose_of(source: ImageFile) -> Image.Transpose | None:
    return TRANSPOSE_OF_ORIENTATION.get(source.getexif().get(ORIENTATION, 1))


def _upright(pixels: Image.Image, source: ImageFile) -> Image.Image:
    transpose = _transpose_of(source)
    return pixels if transpose is None else pixels.transpose(transpose)


def _reason_of(kind: str, data: bytes, error: Exception) -> str:
    if kind == "TIFF" and str(error) == "unknown pixel mode":
        return f"{_depth_of_bytes(data)} samples in a layout that is not supported, {SUPPORTED}"
    return f"damaged, truncated or unsupported {kind} ({str(error) or type(error).__name__})"


def _depth_of_bytes(data: bytes) -> str:
    file = io.BytesIO(data)
    try:
        tags = ImageFileDirectory_v2(data[: 16 if data[2:4] in (b"+\0", b"\0+") else 8])
        file.seek(tags.next)
        tags.load(file)
        return _depth(tags)
    except Exception:  # the tags may be hostile too
        return "unknown"


def _depth(tags: ImageFileDirectory_v2) -> str:
    bits, sample_formats = tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,))
    names = {1: "unsigned integer", 2: "signed integer", 3: "floating-point"}
    return f"{max(bits)}-bit {names.get(max(sample_formats), 'other')}"
