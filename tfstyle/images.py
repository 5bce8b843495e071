"""Files to arrays and back; the only module that knows Pillow.

An image is RGB (the sRGB color space), float32, in [0, 1], (height, width, 3).
"""

import contextlib
import importlib.util
import logging
import math
import os
import re
import struct
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import (
    Image,
    ImageCms,
    ImageDraw,
    ImageFile,
    ImageFont,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from tfstyle.files import write_bytes
from tfstyle.quiet import quiet_stderr

FloatArray = npt.NDArray[np.float32]
StrPath = str | os.PathLike[str]

_READABLE = ("JPEG", "PNG", "WEBP", "TIFF")

_JPEG: tuple[str, dict[str, Any]] = ("JPEG", {"quality": 95, "subsampling": "4:4:4"})
_TIFF: tuple[str, dict[str, Any]] = ("TIFF", {"compression": "tiff_adobe_deflate"})
# WebP is lossless: JPEG is there for small files, and a picture that took minutes
# to compute should lose nothing more than its 8 bits.
_WRITABLE: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": ("WEBP", {"lossless": True}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}

_FRAME, _LAST_FRAME = 50, 2000  # of a film, milliseconds
_ORIENTATION = 274  # EXIF tags
_DESCRIPTION, _DATE, _EXIF_BLOCK, _GPS_BLOCK = 270, 306, 0x8769, 0x8825
_DATE_ORIGINAL = 36867  # in the EXIF block
_LYING = (5, 6, 7, 8)  # EXIF orientations whose height is stored as the width
_DEEP_GREY = ("I", "I;16", "I;16B", "F")  # Pillow's modes of more than 8 bits
# ICC color space: the mode it describes, and the modes that may be taken for it.
_PROFILED = {
    "GRAY": ("L", ("1", "L", "LA")),
    "RGB ": ("RGB", ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr")),
    "CMYK": ("CMYK", ("CMYK",)),
}

MAX_MEGAPIXELS = 89.0
"""Larger pictures are refused before they are decoded: a small file can hide one."""

_STRIP = 1 << 20  # values converted at a time, so that no full copy is needed
_reading = threading.Lock()  # Pillow's limit and the warning filters are global


@dataclass(frozen=True)
class Keepsakes:
    """What the PNG of a result takes over from the content picture."""

    alpha: npt.NDArray[np.uint8] | None = None  # (any height, any width), 0..255
    profile: bytes = b""  # ICC, RGB: the sRGB pixels are converted into it
    exif: bytes = b""
    dpi: tuple[float, float] | None = None  # across, down
    deep: bool = False  # 16 bits per channel instead of 8


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
    path = Path(path)
    notes: list[str] = []
    with _opened(path, max_megapixels) as image:
        image.load()
        decode = _deep_grey if image.mode in _DEEP_GREY else _eight_bit
        pixels = _upright(decode(image, notes), image, notes)
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return np.ascontiguousarray(pixels)


def load_keepsakes(
    path: StrPath,
    profile: str = "srgb",
    location: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Keepsakes:
    """Return what a result keeps of a content picture beside its colors.

    That is transparency, if any; the EXIF date and description; the resolution; and
    whether it has more than 8 bits per channel. Metadata that cannot be read is left
    behind; a profile that cannot be used costs a warning as well.

    Args:
        path: of the file.
        profile: "content" keeps its ICC profile, if that is for RGB; "srgb" does not.
        location: keep the EXIF block's GPS position.
        max_megapixels: the largest picture to decode, in millions of pixels.

    Raises:
        ValueError: as in `load_image`.
    """
    path = Path(path)
    notes: list[str] = []
    with _opened(path, max_megapixels) as image:
        keep = Keepsakes(
            deep=_is_deep(image),  # these two first, as decoding hides what they see
            dpi=_kept_dpi(image),
            alpha=_kept_alpha(image),
            profile=_kept_profile(image, notes) if profile == "content" else b"",
            exif=_kept_exif(image, location),
        )
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return keep


def save_image(
    path: StrPath,
    image: npt.ArrayLike,
    text: Mapping[str, str] | None = None,
    keep: Keepsakes | None = None,
) -> None:
    """Write an image in the format that the suffix names.

    The file appears whole or not at all, and the same image gives the same bytes.
    PNG, TIFF and WebP are lossless; JPEG has quality 95 and no chroma subsampling.
    A channel has 8 bits, or 16 if `keep` asks for it; a profile is applied in 8 bits.

    Args:
        path: ends in .png, .jpg, .jpeg, .webp, .tif or .tiff; its folder exists.
        image: (height, width, 3), floats; rounded and clipped as in `to_uint8`.
        text: kept in PNG text chunks, see `load_text`; other formats drop it. Keys
            have 1 to 79 Latin-1 characters, values are any text.
        keep: what a PNG takes over from the content picture, its transparency at the
            image's size; other formats drop it.

    Raises:
        ValueError: another suffix, no such folder, not an image, or an image or text
            that the format cannot hold.
        OSError: the disk does not take the file.
    """
    path = Path(path)
    if path.suffix.lower() not in _WRITABLE:
        raise ValueError(
            f"Cannot save {path}: got the suffix {path.suffix!r}; expected one of "
            f"{' '.join(_WRITABLE)}: rename it."
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(
            f"Cannot save {path}: expected a file in an existing folder: create the "
            "folder or choose another path."
        )
    data = _encoded(path, np.asarray(image), text or {}, keep or Keepsakes())
    try:
        write_bytes(path, data)
    except OSError as error:
        raise OSError(
            f"Cannot save {path}: {error.strerror or error}; check the folder's "
            "permissions and free space."
        ) from error


def save_film(path: StrPath, frames: Sequence[npt.NDArray[np.uint8]]) -> None:
    """Write frames as a film of 20 frames a second that rests on the last one.

    Args:
        path: ends in .gif, .webp or .mp4; the file appears whole or not at all.
        frames: (height, width, 3) each, of one size.

    Raises:
        ValueError: another suffix, or .mp4 without the extra [film].
        OSError: the disk does not take the file.
    """
    path = Path(path)
    check_film(path.suffix)
    data = _video(frames) if path.suffix == ".mp4" else _animation(path, frames)
    write_bytes(path, data)


def check_film(suffix: str) -> None:
    """Check that a film can be written in the format that the suffix names.

    Raises:
        ValueError: if not.
    """
    if suffix not in (".gif", ".webp", ".mp4"):
        raise ValueError(
            f"got a film's suffix {suffix!r}; expected .gif, .webp or .mp4: rename it."
        )
    if suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise ValueError(
            "an MP4 film needs FFmpeg; pip install 'tfstyle[film]', or choose gif or "
            "webp."
        )


def _animation(path: Path, frames: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    first, *rest = [Image.fromarray(frame) for frame in frames]
    durations = [*[_FRAME] * len(rest), _LAST_FRAME]
    buffer = BytesIO()
    options: dict[str, Any] = {"quality": 85} if path.suffix == ".webp" else {}
    first.save(
        buffer,
        path.suffix[1:].upper(),
        save_all=True,
        append_images=rest,
        duration=durations,
        loop=0,
        **options,
    )
    return buffer.getvalue()


def _video(frames: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    import imageio_ffmpeg

    height, width = (
        side - side % 2 for side in frames[0].shape[:2]
    )  # H.264 wants even
    held = [*frames, *[frames[-1]] * (_LAST_FRAME // _FRAME)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path), (width, height), fps=1000 / _FRAME, macro_block_size=2
        )
        writer.send(None)
        for frame in held:
            writer.send(np.ascontiguousarray(frame[:height, :width]))
        writer.close()
        return path.read_bytes()


def draw_text(text: str, font: StrPath, size: int, width: int) -> FloatArray:
    """Return lines of black text on white, centered in (height, width, 3).

    Args:
        text: broken between words where a line is full, and cut where a word is too
            long for one.
        font: file of a TrueType or OpenType font.
        size: of the font, pixels.
        width: of the picture, pixels.
    """
    letters = ImageFont.truetype(font, size)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and letters.getlength(longer) <= width:
            lines[-1] = longer
        else:
            while letters.getlength(word) > width and len(word) > 1:
                word = word[:-1]
            lines.append(word)
    pitch = round(1.3 * size)
    image = Image.new("RGB", (width, pitch * max(len(lines), 1)), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((width / 2, pitch * (number + 0.5)), line, "black", letters, "mm")
    return np.asarray(image, np.float32) / np.float32(255)


def load_text(path: StrPath) -> dict[str, str]:
    """Return the text chunks of a PNG, by key; of other formats, nothing.

    Raises:
        ValueError: as in `load_image`.
    """
    with _opened(Path(path), MAX_MEGAPIXELS) as image:
        image.load()  # there may be text behind the pixels
        chunks = getattr(image, "text", {})
        return {str(key): str(value) for key, value in chunks.items()}


def to_uint8(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return floats of any shape as 0..255: clipped to [0, 1], rounded to nearest.

    Raises:
        ValueError: the values are not floats, or not all of them finite.
    """
    values = _floats(image)
    levels = np.empty(values.shape, np.uint8)
    for part, target in _strips(np.atleast_1d(values), np.atleast_1d(levels)):
        target[...] = _rounded(part, 255)
    return levels


def _strips(*arrays: npt.NDArray[Any]) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Cut arrays with the same first axis along it, into views of about _STRIP."""
    count = len(arrays[0])
    step = max(1, _STRIP * count // max(1, arrays[0].size))
    for start in range(0, count, step):
        yield tuple(array[start : start + step] for array in arrays)


def _rounded(values: npt.NDArray[Any], white: int) -> FloatArray:
    """Return [0, 1] as whole numbers from 0 to `white`."""
    rounded: FloatArray = values.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError(
            "Got NaN or infinite pixels; expected values in [0, 1]: the computation "
            "that made this image diverged, lower its step size or weights."
        )
    np.clip(rounded, 0, 1, out=rounded)
    rounded *= white
    np.rint(rounded, out=rounded)
    return rounded


def fit_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    """Return (height, width) in pixels with this long side and the same aspect ratio.

    The other side is rounded to nearest, and at least 1.

    Raises:
        ValueError: an argument is below 1.
    """
    if min(height, width, long_side) < 1:
        raise ValueError(
            f"Got height {height}, width {width} and long side {long_side}; expected "
            "pixel counts of at least 1."
        )
    longest = max(height, width)

    def scaled(side: int) -> int:
        return max(1, (2 * side * long_side + longest) // (2 * longest))

    return scaled(height), scaled(width)


def resize(image: npt.ArrayLike, height: int, width: int) -> FloatArray:
    """Return the image at another size, antialiased, never rounded to 8 bits.

    Args:
        image: (any height, any width, channels), floats in [0, 1].
        height: of the result, in pixels.
        width: of the result, in pixels.

    Returns:
        (height, width, channels), float32, in [0, 1]; a copy if that is its size.

    Raises:
        ValueError: not floats of three axes, or a size below 1.
    """
    source = _floats(image)
    if source.ndim != 3 or 0 in source.shape or min(height, width) < 1:
        raise ValueError(
            f"Got an array {source.shape} to resize to {height} x {width}; expected "
            "(height, width, channels) and a size of at least 1 x 1."
        )
    if source.shape[:2] == (height, width):
        resized = source.astype(np.float32)
        return np.clip(resized, 0, 1, out=resized)
    # Lanczos keeps the most detail when shrinking. When enlarging, its longer ripples
    # would ring beside edges, and the losses would take the rings for texture.
    shrinks = height < source.shape[0] or width < source.shape[1]
    kernel = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    resized = np.empty((height, width, source.shape[2]), np.float32)
    for i in range(source.shape[2]):
        channel = Image.fromarray(source[..., i].astype(np.float32))
        resized[..., i] = np.asarray(channel.resize((width, height), kernel))
    return np.clip(resized, 0, 1, out=resized)


def _floats(image: npt.ArrayLike) -> npt.NDArray[np.floating[Any]]:
    values = np.asarray(image)
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"Got pixels of type {values.dtype}; expected floats in [0, 1]: divide "
            "8-bit values by 255 first."
        )
    return values


@contextlib.contextmanager
def _opened(path: Path, max_megapixels: float) -> Iterator[ImageFile.ImageFile]:
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


def _eight_bit(image: Image.Image, notes: list[str]) -> FloatArray:
    """Return the pixels of an image with at most 8 bits per channel, over white."""
    if image.mode == "La":  # premultiplied; Pillow converts it to LA and nothing else
        image = image.convert("LA")
    pixels = np.asarray(_srgb(image, notes)).astype(np.float32)
    pixels /= 255.0
    if image.has_transparency_data:
        alpha = np.asarray(_alpha(image)).astype(np.float32)
        alpha /= 255.0
        np.subtract(1.0, pixels, out=pixels)
        pixels *= alpha[..., np.newaxis]
        np.subtract(1.0, pixels, out=pixels)
    return pixels


def _alpha(image: Image.Image) -> Image.Image:
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


def _upright(
    pixels: npt.NDArray[Any], image: Image.Image, notes: list[str]
) -> npt.NDArray[Any]:
    """Undo the EXIF orientation: transpose first, then mirror.

    Not by Pillow's exif_transpose: it also rewrites the EXIF block, and fails on blocks
    that are odd elsewhere. (A TIFF has been turned already, by Pillow's decoder.)
    """
    orientation = _orientation(image, notes)
    if orientation in _LYING:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _orientation(image: Image.Image, notes: list[str]) -> Any:
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception as error:  # of as many types as in `_opened`
        notes.append(f"ignored the EXIF orientation: {error}")
        return None


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Return whether a file not yet decoded has more than 8 bits per channel.

    Of color, Pillow decodes the upper 8 bits; how they are stored still names all 16.
    """
    return image.mode in _DEEP_GREY or any(";16" in str(tile[3]) for tile in image.tile)


def _kept_alpha(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Return the transparency, upright; None if nothing is transparent."""
    if not image.has_transparency_data:
        return None
    if image.mode in _DEEP_GREY:
        opaque = np.asarray(image) != image.info["transparency"]
        alpha = opaque * np.uint8(255)
    else:
        alpha = np.asarray(_alpha(image))
    return None if alpha.min() == 255 else _upright(alpha, image, [])


def _kept_profile(image: Image.Image, notes: list[str]) -> bytes:
    """Return the ICC profile if sRGB pixels can be converted into it."""
    embedded: bytes = image.info.get("icc_profile") or b""
    try:
        if not embedded:
            raise ValueError("there is none")
        _into_profile(Image.new("RGB", (1, 1)), embedded)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        notes.append(f"cannot keep its ICC profile, the result is sRGB: {error}")
        return b""
    return embedded


def _into_profile(image: Image.Image, embedded: bytes) -> Image.Image:
    """Convert sRGB pixels to the RGB color space of an ICC profile."""
    profile = ImageCms.ImageCmsProfile(BytesIO(embedded))
    space = profile.profile.xcolor_space.strip()
    if space != "RGB":
        raise ValueError(f"it is for {space}, not for RGB pixels")
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(srgb, profile, "RGB", "RGB").apply(image)


def _kept_exif(image: Image.Image, location: bool) -> bytes:
    """Return an EXIF block with date, description and, if asked for, GPS position."""
    kept = Image.Exif()
    try:
        exif = image.getexif()
        original = exif.get_ifd(_EXIF_BLOCK).get(_DATE_ORIGINAL)
        for tag in (_DESCRIPTION, _DATE):
            if isinstance(exif.get(tag), str):
                # Pillow decodes Latin-1, but encodes ASCII; bytes it leaves alone.
                kept[tag] = exif[tag].encode("latin-1")
        if isinstance(original, str):
            kept[_EXIF_BLOCK] = {_DATE_ORIGINAL: original}
        if location and exif.get_ifd(_GPS_BLOCK):
            kept[_GPS_BLOCK] = exif.get_ifd(_GPS_BLOCK)
        if not kept:
            return b""
        kept[_ORIENTATION] = 1
        return kept.tobytes()
    except Exception:  # of as many types as in `_opened`
        return b""


def _kept_dpi(image: Image.Image) -> tuple[float, float] | None:
    """Return the resolution in pixels per inch, if it makes sense.

    Pillow gives TIFFs without one a single pixel per inch.
    """
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    if not (1 < across < 1e5 and 1 < down < 1e5):
        return None
    return (down, across) if _orientation(image, []) in _LYING else (across, down)


def _encoded(
    path: Path, image: npt.NDArray[Any], text: Mapping[str, str], keep: Keepsakes
) -> bytes:
    """Return the bytes of the file."""
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"Cannot save {path}: got an array {image.shape}; expected "
            "(height, width, 3)."
        )
    name, options = _WRITABLE[path.suffix.lower()]
    try:
        if name == "PNG":
            return _png(image, text, keep)
        buffer = BytesIO()
        Image.fromarray(to_uint8(image)).save(buffer, name, **options)
    except (OSError, ValueError) as error:
        raise ValueError(f"Cannot save {path}: {error}") from error
    return buffer.getvalue()


def _png(image: npt.NDArray[Any], text: Mapping[str, str], keep: Keepsakes) -> bytes:
    """Return a PNG of 8 or 16 bits per channel, with all that is kept."""
    options: dict[str, Any] = {"pnginfo": _text_chunks(text)}
    kept = {"dpi": keep.dpi, "exif": keep.exif, "icc_profile": keep.profile}
    options |= {name: value for name, value in kept.items() if value}
    alpha = None
    if keep.alpha is not None:
        stored = keep.alpha[..., np.newaxis].astype(np.float32)
        stored /= 255.0
        alpha = resize(stored, *image.shape[:2])
    if keep.deep and not keep.profile:  # Pillow's color management works on 8 bits
        return _deep_png(image, alpha, options)
    picture = Image.fromarray(to_uint8(image))
    if keep.profile:
        picture = _into_profile(picture, keep.profile)
    if alpha is not None:
        picture.putalpha(Image.fromarray(to_uint8(alpha[..., 0])))
    buffer = BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def _deep_png(
    image: npt.NDArray[Any], alpha: FloatArray | None, options: Mapping[str, Any]
) -> bytes:
    """Return a PNG of 16 bits per channel: Pillow makes all but header and pixels."""
    height, width = image.shape[:2]
    color_type = 2 if alpha is None else 6  # RGB, RGBA
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    buffer = BytesIO(b"\x89PNG\r\n\x1a\n")
    buffer.seek(0, os.SEEK_END)
    around = PngImagePlugin.getchunks(Image.new("RGB", (1, 1)), **options)
    for kind, data, _ in around:
        if kind == b"IHDR":
            PngImagePlugin.putchunk(buffer, kind, header)
        elif kind == b"IDAT":
            for part in _deep_rows(image, alpha):
                PngImagePlugin.putchunk(buffer, kind, part)
        else:
            PngImagePlugin.putchunk(buffer, kind, data)
    return buffer.getvalue()


def _deep_rows(image: npt.NDArray[Any], alpha: FloatArray | None) -> Iterator[bytes]:
    """Yield a 16-bit PNG's compressed rows, each a filter's number and big-endian."""
    compressor = zlib.compressobj()
    for parts in _strips(_floats(image), *([] if alpha is None else [alpha])):
        levels = [_rounded(part, 65535) for part in parts]
        pixels = np.concatenate(levels, axis=-1).astype(">u2")
        step = pixels[0, 0].nbytes
        rows = pixels.view(np.uint8).reshape(len(pixels), -1)
        # Filter 1, the difference from the pixel to the left, compresses better.
        rows[:, step:] -= rows[:, :-step].copy()
        rows = np.insert(rows, 0, 1, axis=1)
        yield compressor.compress(rows.tobytes())
    yield compressor.flush()


def _text_chunks(text: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        if not 1 <= len(key) <= 79:  # the format's limit, which Pillow does not check
            raise ValueError(f"got the text key {key!r}; expected 1 to 79 characters.")
        chunks.add_text(key, value)  # as iTXt if it is not Latin-1
    return chunks
