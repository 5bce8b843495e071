"""Files to arrays and back; the only module that knows Pillow.

An image is RGB (the sRGB color space), float32, in [0, 1], (height, width, 3).
"""

import contextlib
import importlib.util
import logging
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import (
    Image,
    ImageCms,
    ImageDraw,
    ImageFont,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

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
_ORIENTATION = 274  # EXIF tag
_DEEP_GREY = ("I", "I;16", "I;16B", "F")  # Pillow's modes of more than 8 bits
# ICC color space: the mode it describes, and the modes that may be taken for it.
_PROFILED = {
    "GRAY": ("L", ("1", "L", "LA")),
    "RGB ": ("RGB", ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr")),
    "CMYK": ("CMYK", ("CMYK",)),
}


def load_image(path: StrPath) -> FloatArray:
    """Return the picture in a JPEG, PNG, WebP or TIFF file (its first frame).

    The EXIF orientation is applied, an embedded ICC profile is converted to sRGB, and
    transparency is laid over white. A profile or EXIF block that cannot be used costs a
    warning, not the picture. 16-bit grey keeps its precision; 16-bit RGB and CMYK do
    not, as Pillow hands over only the upper 8 bits. Floating point grey must lie in
    [0, 1], and 32-bit integers in 0..65535, because no convention says what is white.

    Returns:
        (height, width, 3), float32, in [0, 1].

    Raises:
        ValueError: the file is missing, unreadable, of another format, damaged, or has
            more than `PIL.Image.MAX_IMAGE_PIXELS`; one line that names the path.
    """
    path = Path(path)
    notes: list[str] = []
    with _opened(path) as image:
        decode = _deep_grey if image.mode in _DEEP_GREY else _eight_bit
        pixels = _upright(decode(image, notes), image, notes)
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return np.ascontiguousarray(pixels)


def save_image(
    path: StrPath, image: npt.ArrayLike, text: Mapping[str, str] | None = None
) -> None:
    """Write an image with 8 bits per channel, in the format that the suffix names.

    The file appears whole or not at all, and the same image gives the same bytes.
    PNG, TIFF and WebP are lossless; JPEG has quality 95 and no chroma subsampling.

    Args:
        path: ends in .png, .jpg, .jpeg, .webp, .tif or .tiff; its folder exists.
        image: (height, width, 3), floats; rounded and clipped as in `to_uint8`.
        text: kept in PNG text chunks, see `load_text`; other formats drop it. Keys
            have 1 to 79 Latin-1 characters, values are any text.

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
    data = _encoded(path, np.asarray(image), text or {})
    try:
        _write_atomically(path, data)
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
    _write_atomically(path, data)


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
    with _opened(Path(path)) as image:
        chunks = getattr(image, "text", {})
        return {str(key): str(value) for key, value in chunks.items()}


def to_uint8(image: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return floats of any shape as 0..255: clipped to [0, 1], rounded to nearest.

    Raises:
        ValueError: the values are not floats, or not all of them finite.
    """
    values = _floats(image)
    if not np.isfinite(values).all():
        raise ValueError(
            "Got NaN or infinite pixels; expected values in [0, 1]: the computation "
            "that made this image diverged, lower its step size or weights."
        )
    rounded: FloatArray = np.rint(_clipped(values) * 255.0)
    return rounded.astype(np.uint8)


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
        return _clipped(source)
    # Lanczos keeps the most detail when shrinking. When enlarging, its longer ripples
    # would ring beside edges, and the losses would take the rings for texture.
    shrinks = height < source.shape[0] or width < source.shape[1]
    kernel = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    channels = [
        Image.fromarray(np.ascontiguousarray(channel)).resize((width, height), kernel)
        for channel in np.moveaxis(source, -1, 0)
    ]
    return _clipped(np.stack([np.asarray(channel) for channel in channels], axis=-1))


def _floats(image: npt.ArrayLike) -> FloatArray:
    values = np.asarray(image)
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"Got pixels of type {values.dtype}; expected floats in [0, 1]: divide "
            "8-bit values by 255 first."
        )
    return values.astype(np.float32)


def _clipped(values: FloatArray) -> FloatArray:
    return np.clip(values, np.float32(0), np.float32(1))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Yield the decoded file; whatever goes wrong with it becomes one ValueError."""
    try:
        with (
            _quiet_pillow(),
            path.open("rb") as file,
            Image.open(file, formats=_READABLE) as image,
        ):
            image.load()
            _refuse_misread(image)
            yield image
    # Damaged files make Pillow raise OSError, SyntaxError, struct.error, EOFError,
    # IndexError, TypeError, MemoryError and more: no list of types would last.
    except Exception as error:
        raise ValueError(_complaint(path, error)) from error


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Drop Pillow's remarks on odd files, but make a too large picture an error."""
    logger = logging.getLogger("PIL")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)


def _complaint(path: Path, error: Exception) -> str:
    """Return one line: what came, what was expected, what to do."""
    advice = "export it again, or convert it with an image editor"
    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    if isinstance(error, too_large):
        reason = f"it has more than {Image.MAX_IMAGE_PIXELS} pixels"
        advice = "make it smaller first"
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is of another kind, a rare variant, or damaged"
        if path.stat().st_size == 0:
            reason = "it is empty"
    elif isinstance(error, OSError) and error.strerror:
        reason, advice = error.strerror, "check the path and its permissions"
    else:
        reason = f"it is damaged or unusual ({error or type(error).__name__})"
    expected = "expected a JPEG, PNG, WebP or TIFF picture"
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
    pixels = np.asarray(_srgb(image, notes), np.float32) / 255.0
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"), np.float32) / 255.0
        pixels = 1.0 - (1.0 - pixels) * alpha[..., np.newaxis]
    return pixels


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
    pixels = np.stack([np.interp(grey, levels, curve) for curve in curves], axis=-1)
    pixels[raw == image.info.get("transparency", -1)] = 1.0
    return pixels.astype(np.float32)


def _srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """Return mode RGB without alpha, through the ICC profile if it can be used."""
    embedded = image.info.get("icc_profile")
    if not embedded or image.mode == "LAB":  # LAB names colors without a profile
        return image.convert("RGB")
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
        return transform.apply(image.convert(mode))
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        notes.append(f"ignored the ICC color profile: {error}")
        return image.convert("RGB")


def _upright(pixels: FloatArray, image: Image.Image, notes: list[str]) -> FloatArray:
    """Undo the EXIF orientation: transpose first, then mirror.

    Not by Pillow's exif_transpose: it also rewrites the EXIF block, and fails on blocks
    that are odd elsewhere. (A TIFF has been turned already, by Pillow's decoder.)
    """
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception as error:  # of as many types as in `_opened`
        notes.append(f"ignored the EXIF orientation: {error}")
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _encoded(path: Path, image: npt.NDArray[Any], text: Mapping[str, str]) -> bytes:
    """Return the bytes of the file."""
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"Cannot save {path}: got an array {image.shape}; expected "
            "(height, width, 3)."
        )
    name, options = _WRITABLE[path.suffix.lower()]
    buffer = BytesIO()
    try:
        if name == "PNG":
            options = {**options, "pnginfo": _text_chunks(text)}
        Image.fromarray(to_uint8(image)).save(buffer, name, **options)
    except (OSError, ValueError) as error:
        raise ValueError(f"Cannot save {path}: {error}") from error
    return buffer.getvalue()


def _text_chunks(text: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in text.items():
        if not 1 <= len(key) <= 79:  # the format's limit, which Pillow does not check
            raise ValueError(f"got the text key {key!r}; expected 1 to 79 characters.")
        chunks.add_text(key, value)  # as iTXt if it is not Latin-1
    return chunks


def _write_atomically(path: Path, data: bytes) -> None:
    """Show other readers the old file or the new one, never a part."""
    # Not by tempfile, which makes files that nobody else may read.
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
