"""Bytes of a JPEG, PNG or TIFF to RGB pixels, for bytes that nobody vouches for."""

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
FRAMES_COUNTED = 100
TURNS = {
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
    """What a single image may declare, and which images get a hash of their pixels (section `pixels` of the config)."""

    max_pixels: int
    min_side: int
    hash: Literal["where_needed", "all"]


class UnreadableImage(ValueError):  # noqa: N818 - reads as what it is at the place where it is counted
    """Bytes that give no usable RGB image; `reason` is one clause for people."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NotAnImage(UnreadableImage):
    """Bytes that carry no JPEG, PNG or TIFF signature."""


def decode(data: bytes, *, max_pixels: int, min_side: int) -> tuple[np.ndarray, str]:
    """Decode one image; safe to call from several threads.

    Greys and palettes are spread over three channels. 16-bit grey v becomes round(v / 257); of 16-bit colour Pillow
    keeps the high byte. CMYK is converted without a colour profile, in JPEG with Adobe's inverted inks. EXIF
    orientation is applied. Of a JPEG that is followed by previews (MPO) the main image is taken.

    Args:
        data: the whole file.
        max_pixels: most pixels (width x height) the header may declare; checked before any pixel is decoded. Pillow's
            own ceiling of 89 million holds beside it.
        min_side: fewest pixels along either side.

    Returns:
        RGB uint8 (height, width, 3), C-contiguous and read-only, and the file's own mode as Pillow names it.

    Raises:
        NotAnImage: no JPEG, PNG or TIFF signature.
        UnreadableImage: empty, damaged, truncated, too large or small, several frames, not fully opaque, or samples
            of an unsupported depth.
    """
    with _opened(data, max_pixels, min_side) as image:
        mode = image.mode
        pixels = _jpeg_pixels(data, image)
        return (np.asarray(_loaded(image)) if pixels is None else pixels), mode


def decode_grey(data: bytes, *, max_pixels: int, min_side: int, enough: int) -> tuple[np.ndarray, tuple[int, int], str]:
    """Look at one image in grey: of a JPEG in under half of `decode`'s time, at a fraction of its size.

    Every byte is still read and checked: what `decode` refuses is refused, for the same reason.

    Args:
        data, max_pixels, min_side: as for `decode`.
        enough: a JPEG is reduced, to an eighth at most, while each of its sides keeps so many pixels.

    Returns:
        Luma (ITU-R BT.601, as in JPEG) uint8 (rows, columns), upright; (height, width) of the whole image as
        `decode` gives it; and the file's own mode as Pillow names it.

    Raises:
        NotAnImage, UnreadableImage: as `decode`.
    """
    with _opened(data, max_pixels, min_side) as image:
        mode = image.mode
        reduced = _jpeg_pixels(data, image, colorspace="GRAY", min_height=enough, min_width=enough)
        if reduced is not None:
            return reduced[:, :, 0], (image.height, image.width), mode
        whole = _loaded(image)
        return np.asarray(whole.convert("L")), (whole.height, whole.width), mode


@contextmanager
def _opened(data: bytes, max_pixels: int, min_side: int) -> Iterator[ImageFile]:
    """The image, its header checked, nothing decoded; what goes wrong in the block is told as UnreadableImage."""
    if not data:
        raise UnreadableImage("empty file")
    kind, plugin = _recognise(data)
    try:
        # Not Image.open: its check of the pixel count warns through process-wide state.
        image = plugin(io.BytesIO(data))
        _check_header(image, max_pixels, min_side)
        yield image
    except UnreadableImage:
        raise
    except Exception as error:  # hostile bytes make Pillow raise nearly anything
        raise UnreadableImage(_explain(kind, data, error)) from error


def has_signature(data: bytes) -> bool:
    """Whether the bytes begin as a JPEG, PNG or TIFF does."""
    return any(data.startswith(signature) for signature in SIGNATURES)


def _recognise(data: bytes) -> tuple[str, Plugin]:
    for signature, found in SIGNATURES.items():
        if data.startswith(signature):
            return found
    raise NotAnImage("not a JPEG, PNG or TIFF file")


def _check_header(image: ImageFile, max_pixels: int, min_side: int) -> None:
    width, height = image.size
    most = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels)
    if width * height > most:
        raise UnreadableImage(f"{width}x{height} pixels are more than the {most} allowed")
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
    # TiffImageFile.n_frames takes quadratic time over as many pages as a hostile file cares to chain.
    for page in range(1, FRAMES_COUNTED + 1):
        try:
            image.seek(page)
        except EOFError:
            return str(page)
    return f"more than {FRAMES_COUNTED}"


def _loaded(image: ImageFile) -> Image.Image:
    image.load()
    return _upright(_rgb(image), image)


def _rgb(image: ImageFile) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in GREY16:
        return _rgb_of_grey16(image)
    # Pillow has no direct way from premultiplied colour to RGB, and remarks on one from a transparent palette.
    detour = image.mode == "RGBa" or "transparency" in image.info
    flat = image.convert("RGBA") if detour else image
    if flat.mode in ALPHA and flat.getchannel(len(flat.getbands()) - 1).getextrema()[0] != 255:
        raise UnreadableImage("its alpha channel is not fully opaque")
    return flat.convert("RGB")


def _rgb_of_grey16(image: ImageFile) -> Image.Image:
    grey = np.asarray(image).astype(np.uint32)
    if "transparency" in image.info and bool(np.any(grey == image.info["transparency"])):
        raise UnreadableImage("its alpha channel is not fully opaque")
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC) == 0:
        grey = 65535 - grey  # white is zero, which Pillow heeds at 8 bits only
    return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")


def _jpeg_pixels(data: bytes, image: ImageFile, **how: Any) -> np.ndarray | None:
    """The pixels that Pillow would give, in two thirds of its time; None for what needs Pillow's own judgement.

    `how` is passed on to simplejpeg, which refuses whatever libjpeg merely warns of.
    """
    if not isinstance(image, JpegImageFile) or image.mode != "RGB" or _turn(image) is not None:
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != image.size:
            return None
        pixels: np.ndarray = simplejpeg.decode_jpeg(data, **how)
    except ValueError:
        return None
    pixels.flags.writeable = False
    return pixels


def _turn(source: ImageFile) -> Image.Transpose | None:
    return TURNS.get(source.getexif().get(ORIENTATION, 1))


def _upright(pixels: Image.Image, source: ImageFile) -> Image.Image:
    turn = _turn(source)
    return pixels if turn is None else pixels.transpose(turn)


def _explain(kind: str, data: bytes, error: Exception) -> str:
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
    except Exception:  # as hostile as the image itself
        return "unknown"


def _depth(tags: ImageFileDirectory_v2) -> str:
    bits, form = tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (1,))
    names = {1: "unsigned integer", 2: "signed integer", 3: "floating-point"}
    return f"{max(bits)}-bit {names.get(max(form), 'other')}"
