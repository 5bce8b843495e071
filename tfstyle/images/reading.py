"""Pictures of any kind that people have, read as they are meant to be seen."""

import contextlib
import logging
import math
import os
import re
import threading
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import (
    Image,
    ImageCms,
    ImageFile,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from tfstyle.images.arrays import FloatArray, Picture
from tfstyle.system.quiet import quiet_stderr

StrPath = str | os.PathLike[str]

MAX_MEGAPIXELS = 89.0
"""Larger pictures are refused before they are decoded: a small file can hide one."""

ORIENTATION = 274  # EXIF tag
LYING = (5, 6, 7, 8)  # EXIF orientations whose height is stored as the width
DEEP_GREY = ("I", "I;16", "I;16B", "F")  # Pillow's modes of more than 8 bits

_READABLE = ("JPEG", "PNG", "WEBP", "TIFF")
# ICC color space: the mode it describes, and the modes that may be taken for it.
_PROFILED = {
    "GRAY": ("L", ("1", "L", "LA")),
    "RGB ": ("RGB", ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr")),
    "CMYK": ("CMYK", ("CMYK",)),
}
_reading = threading.Lock()  # Pillow's limit and the warning filters are global


def load_image(path: StrPath, max_megapixels: float = MAX_MEGAPIXELS) -> FloatArray:
    """Return the picture in a JPEG, PNG, WebP or TIFF file (its first frame).

    The EXIF orientation is applied, an embedded ICC profile is converted to sRGB, and
    transparency is laid over white. A profile or EXIF block that cannot be used costs a
    warning, not the picture. 16-bit grey keeps its precision; 16-bit RGB and CMYK do
    not, as Pillow hands over only the upper 8 bits. Floating point grey must lie in
    [0, 1], and 32-bit integers in 0..65535, because no convention says what is white.

    Args:
        path: of the file.
        max_megapixels: the largest picture to decode, in millions of pixels.

    Returns:
        (height, width, 3), float32, in [0, 1].

    Raises:
        ValueError: the file is missing, unreadable, of another format, damaged, or too
            large; one line that names the path.
    """
    return read_pixels(path, max_megapixels)


def read_pixels(
    path: StrPath, max_megapixels: float, over_white: bool = True
) -> FloatArray:
    """Do what `load_image` does, or leave out what it does about transparency."""
    path = Path(path)
    notes: list[str] = []
    with opened(path, max_megapixels) as image:
        image.load()
        if image.mode in DEEP_GREY:
            pixels = _deep_grey(image, notes)
        else:
            pixels = _eight_bit(image, notes, over_white)
        pixels = upright(pixels, image, notes)
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=3)
    return np.ascontiguousarray(pixels)


def as_picture(picture: Any, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """Accept an array, or the path of a file with at most so many megapixels.

    Raises:
        ValueError: unless it is a readable file or an array (height, width, 3), RGB,
            in [0, 1].
    """
    if isinstance(picture, str | os.PathLike):
        return load_image(picture, max_megapixels)
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(
            f"a picture of shape {array.shape} came, (height, width, 3) is expected; "
            "give RGB without a batch axis or alpha"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("a picture with NaN or infinite pixels came; repair it first")
    if array.dtype == np.uint8 or not 0 <= array.min() <= array.max() <= 1:
        raise ValueError(
            f"a picture of {array.dtype} from {array.min()} to {array.max()} came, "
            "floats in [0, 1] are expected; divide 8-bit pixels by 255"
        )
    return array.astype(np.float32)


def load_text(path: StrPath) -> dict[str, str]:
    """Return the text chunks of a PNG, by key; of other formats, nothing.

    Raises:
        ValueError: as in `load_image`.
    """
    with opened(Path(path), MAX_MEGAPIXELS) as image:
        image.load()  # there may be text behind the pixels
        chunks = getattr(image, "text", {})
        return {str(key): str(value) for key, value in chunks.items()}


@contextlib.contextmanager
def opened(path: Path, max_megapixels: float) -> Iterator[ImageFile.ImageFile]:
    """Yield the file, not yet decoded; whatever goes wrong becomes one ValueError."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError("it is a pipe, a device or a socket")  # reading may block
        with (
            _quiet_pillow(max_megapixels),
            path.open("rb") as file,
            Image.open(file, formats=_READABLE) as image,
        ):
            _refuse_misread(image)
            # libtiff itself writes to the screen what it thinks of a damaged file.
            tiff = isinstance(image, TiffImagePlugin.TiffImageFile)
            with quiet_stderr() if tiff else contextlib.nullcontext():
                yield image
    # Damaged files make Pillow raise OSError, SyntaxError, struct.error, EOFError,
    # IndexError, TypeError, MemoryError and more: no list of types would last.
    except Exception as error:
        raise ValueError(_complaint(path, error, max_megapixels)) from error


@contextlib.contextmanager
def _quiet_pillow(max_megapixels: float) -> Iterator[None]:
    """Drop Pillow's remarks on odd files, but make a too large picture an error."""
    logger = logging.getLogger("PIL")
    with _reading, warnings.catch_warnings():
        level, limit = logger.level, Image.MAX_IMAGE_PIXELS
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        logger.setLevel(logging.CRITICAL)
        endless = math.isinf(max_megapixels)
        Image.MAX_IMAGE_PIXELS = None if endless else int(max_megapixels * 1e6)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit
            logger.setLevel(level)


def _complaint(path: Path, error: Exception, max_megapixels: float) -> str:
    """Return one line: what came, what was expected, what to do."""
    expected = "expected a JPEG, PNG, WebP or TIFF picture"
    advice = "export it again, or convert it with an image editor"
    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    if isinstance(error, too_large):
        pixels = re.search(r"\d+", str(error))  # Pillow's message begins with them
        size = f"{int(pixels[0]) / 1e6:g}" if pixels else "too many"
        reason = f"it has {size} megapixels"
        expected = f"expected at most {max_megapixels:g}"
        advice = "make it smaller, or raise memory.max_megapixels"
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is of another kind, a rare variant, or damaged"
        if path.stat().st_size == 0:
            reason = "it is empty"
    elif isinstance(error, OSError) and error.strerror:
        reason, advice = error.strerror, "check the path and its permissions"
    else:
        reason = f"it is damaged or unusual ({error or type(error).__name__})"
    message = f"Cannot read {path}: {reason}; {expected}: {advice}."
    return " ".join(message.splitlines())


def _refuse_misread(image: Image.Image) -> None:
    """Refuse the one TIFF layout that Pillow 13 turns into noise without a word."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        separate = image.tag_v2.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
        deep = max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8
        if separate and deep and image.info.get("compression") == "raw":
            raise ValueError("16-bit channels in separate uncompressed planes")


def _eight_bit(image: Image.Image, notes: list[str], over_white: bool) -> FloatArray:
    """Return the pixels of an image with at most 8 bits per channel."""
    if image.mode == "La":  # premultiplied; Pillow converts it to LA and nothing else
        image = image.convert("LA")
    pixels = np.asarray(_srgb(image, notes)).astype(np.float32)
    pixels /= 255.0
    if over_white and image.has_transparency_data:
        alpha = np.asarray(alpha_channel(image)).astype(np.float32)
        alpha /= 255.0
        np.subtract(1.0, pixels, out=pixels)
        pixels *= alpha[..., np.newaxis]
        np.subtract(1.0, pixels, out=pixels)
    return pixels


def alpha_channel(image: Image.Image) -> Image.Image:
    """Return the transparency of an image with at most 8 bits per channel."""
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("RGBA").getchannel("A")


def _deep_grey(image: Image.Image, notes: list[str]) -> FloatArray:
    """Return the pixels of a deeper grey image, whose scale Pillow leaves to us."""
    raw = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    bits = min((16, *tags.get(TiffImagePlugin.BITSPERSAMPLE, ())))
    white = 1.0 if image.mode == "F" else 2.0**bits - 1.0
    grey = raw / white
    if not ((grey >= 0.0) & (grey <= 1.0)).all():  # NaN fails as well
        raise ValueError(
            f"grey values {raw.min()} to {raw.max()}, where 0 to {white:g} are allowed"
        )
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:  # 0 is white
        grey = 1.0 - grey
    # Pillow's color management works on 8 bits: take its curve, and interpolate.
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[np.newaxis])
    ramp.info.update(image.info)
    curves = np.asarray(_srgb(ramp, notes))[0].T / 255.0
    levels = np.linspace(0.0, 1.0, 256)
    pixels = np.empty((*raw.shape, 3), np.float32)
    for i, curve in enumerate(curves):
        pixels[..., i] = np.interp(grey, levels, curve)
    pixels[raw == image.info.get("transparency", -1)] = 1.0
    return pixels


def _srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Return mode RGB without alpha, through the ICC profile if it can be used."""
    embedded = image.info.get("icc_profile")
    if not embedded or image.mode == "LAB":  # LAB names colors without a profile
        return image if image.mode == "RGB" else image.convert("RGB")
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(embedded))
        space = profile.profile.xcolor_space
        mode, fitting = _PROFILED.get(space, ("", ()))
        if image.mode not in fitting:
            raise ValueError(f"it is for {space.strip()}, not for {image.mode} pixels")
        srgb = ImageCms.createProfile("sRGB")
        # The shortcut for grey is off by up to 10 levels of 255 in the shadows.
        none, exact = ImageCms.Flags.NONE, ImageCms.Flags.NOOPTIMIZE
        transform = ImageCms.buildTransform(
            profile, srgb, mode, "RGB", flags=exact if mode == "L" else none
        )
        return transform.apply(image if image.mode == mode else image.convert(mode))
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        notes.append(f"ignored the ICC color profile: {error}")
        return image.convert("RGB")


def upright(
    pixels: npt.NDArray[Any], image: Image.Image, notes: list[str]
) -> npt.NDArray[Any]:
    """Undo the EXIF orientation: transpose first, then mirror.

    Not by Pillow's exif_transpose: it also rewrites the EXIF block, and fails on blocks
    that are odd elsewhere. (A TIFF has been turned already, by Pillow's decoder.)
    """
    turned = orientation(image, notes)
    if turned in LYING:
        pixels = pixels.swapaxes(0, 1)
    if turned in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if turned in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def orientation(image: Image.Image, notes: list[str]) -> Any:
    """Return the EXIF orientation; None if there is none, or none that can be read."""
    try:
        return image.getexif().get(ORIENTATION)
    except Exception as error:  # of as many types as in `opened`
        notes.append(f"ignored the EXIF orientation: {error}")
        return None
