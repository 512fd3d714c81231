"""Decode untrusted JPEG, PNG, TIFF, BMP or WebP bytes to RGB pixels."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import simplejpeg
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from hemabalance.sources.formats import READABLE, foreign_format_of, format_of
from hemabalance.sources.metadata import without_metadata

Result = TypeVar("Result")

PLUGINS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "WebP": WebPImageFile,
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
FETCH_AGAIN = "Fetch the file again"
CONVERT = "Convert it to an 8-bit RGB PNG without transparency"
ORIENTATION, BITS, PHOTOMETRIC, SAMPLE_FORMAT = 274, 258, 262, 339


@dataclass(frozen=True)
class PixelLimits:
    """Limits of a single image, and which images get a hash of their pixels (section `pixels` of the config)."""

    max_pixels: int
    min_side: int
    hash: Literal["where_needed", "all"]


class UnreadableImage(ValueError):  # noqa: N818 - named for the condition, not as an error
    """The bytes give no usable RGB image; `reason` is a clause for people, `remedy` a sentence without a full stop."""

    def __init__(self, reason: str, remedy: str = FETCH_AGAIN) -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(reason)


class NotAnImage(UnreadableImage):
    """The bytes have no signature of a format that is read."""


def decode(data: bytes, *, max_pixels: int, min_side: int) -> tuple[np.ndarray, str]:
    """Decode one image; safe to call from several threads.

    Grey and palette images are expanded to three channels. 16-bit grey v becomes round(v / 257); 16-bit colour is
    reduced to its high byte, as Pillow does. CMYK is converted without a colour profile, in JPEG with Adobe's inverted
    inks. EXIF orientation is applied where it can be read; other metadata decide nothing, and never whether an image
    is read. If previews follow a JPEG (MPO), the main image is decoded.

    Args:
        data: content of the file.
        max_pixels: maximum of width x height that the header may declare; checked before any pixel is decoded. Pillow's
            own limit of 89 million applies too.
        min_side: minimum of width and height.

    Returns:
        RGB uint8 (height, width, 3), C-contiguous and read-only; and the mode of the file as Pillow names it.

    Raises:
        NotAnImage: no signature of a JPEG, PNG, TIFF, BMP or WebP.
        UnreadableImage: the image is empty, damaged, truncated, too large or too small, has several frames, is not
            fully opaque, or has an unsupported sample depth.
    """

    def colour(content: bytes, image: ImageFile) -> tuple[np.ndarray, str]:
        mode = image.mode
        pixels = _jpeg_pixels(content, image)
        return (np.asarray(_load_rgb(image)) if pixels is None else pixels), mode

    return _read(data, max_pixels, min_side, colour)


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

    def grey(content: bytes, image: ImageFile) -> tuple[np.ndarray, tuple[int, int], str]:
        mode = image.mode
        reduced = _jpeg_pixels(content, image, colorspace="GRAY", min_height=min_reduced, min_width=min_reduced)
        if reduced is not None:
            return reduced[:, :, 0], (image.height, image.width), mode
        full = _load_rgb(image)
        return np.asarray(full.convert("L")), (full.height, full.width), mode

    return _read(data, max_pixels, min_side, grey)


def has_signature(data: bytes) -> bool:
    """Whether the bytes begin like a JPEG, PNG, TIFF, BMP or WebP."""
    return format_of(data) is not None


def _read(data: bytes, max_pixels: int, min_side: int, pixels_of: Callable[[bytes, ImageFile], Result]) -> Result:
    """Open the image, check its header before any pixel is decoded, and return `pixels_of(content, image)`."""
    kind = _recognise(data)
    first_error: Exception | None = None
    for content in _attempts(kind, data):
        try:
            # Not Image.open: its check of the pixel count issues a warning through process-wide state.
            image = PLUGINS[kind](io.BytesIO(content))
            _check_header(image, max_pixels, min_side)
            return pixels_of(content, image)
        except UnreadableImage:
            raise
        except Exception as error:  # on hostile bytes Pillow raises exceptions of nearly any type
            first_error = first_error or error
    assert first_error is not None
    raise UnreadableImage(_reason_of(kind, data, first_error)) from first_error


def _attempts(kind: str, data: bytes) -> Iterator[bytes]:
    yield data
    bare = without_metadata(kind, data)  # computed only if the file as it is cannot be read
    if bare is not None and bare != data:
        yield bare


def _recognise(data: bytes) -> str:
    if not data:
        raise UnreadableImage("empty file")
    if kind := format_of(data):
        return kind
    if foreign := foreign_format_of(data):
        raise NotAnImage(f"a {foreign} file, not a {READABLE} file", "Convert it to PNG or TIFF")
    raise NotAnImage(f"not a {READABLE} file", "")


def _check_header(image: ImageFile, max_pixels: int, min_side: int) -> None:
    width, height = image.size
    limit = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels)
    if width * height > limit:
        raise UnreadableImage(
            f"{width}x{height} pixels are more than the {limit} allowed", _larger_limit(width * height)
        )
    if min(width, height) < min_side:
        reason = f"{width}x{height} pixels, the shorter side is under {min_side}"
        raise UnreadableImage(reason, _lower_limit(min(width, height)))
    if getattr(image, "is_animated", False):
        reason = f"holds {_frames(image)} frames, a single image was expected"
        raise UnreadableImage(reason, "Save the frame that shows the cell as a file of its own")
    if isinstance(image, TiffImageFile) and (image.mode in ("I", "F") or image.mode in GREY16):
        depth = _depth(image.tag_v2)
        if image.mode not in GREY16 or depth != "16-bit unsigned integer":
            raise UnreadableImage(f"{depth} samples, {SUPPORTED}", CONVERT)
    if image.mode not in GREY16 | ALPHA | OPAQUE:
        raise UnreadableImage(f"pixel mode {image.mode} is not supported", CONVERT)


def _larger_limit(pixels: int) -> str:
    """Return the remedy for an image of so many pixels, the same for images of about its size."""
    limit = -(-pixels // 10**7) * 10**7
    if limit > (Image.MAX_IMAGE_PIXELS or limit):
        return "Cut it into images of single cells"
    return f"If images this large are wanted, set pixels: {{max_pixels: {limit}}} in the config"


def _lower_limit(side: int) -> str:
    """Return the remedy for an image with this shorter side, the same for images of about its size."""
    limit = 1 << max(side, 1).bit_length() - 1
    return f"If images this small are wanted, set pixels: {{min_side: {limit}}} in the config"


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
        raise UnreadableImage("its alpha channel is not fully opaque", CONVERT)
    return flat.convert("RGB")


def _rgb_of_grey16(image: ImageFile) -> Image.Image:
    grey = np.asarray(image).astype(np.uint32)
    if "transparency" in image.info and bool(np.any(grey == image.info["transparency"])):
        raise UnreadableImage("its alpha channel is not fully opaque", CONVERT)
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
    try:
        return TRANSPOSE_OF_ORIENTATION.get(source.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged metadata say nothing about the orientation, and the pixels may be sound
        return None


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
