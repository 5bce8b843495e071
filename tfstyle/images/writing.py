"""Pictures written whole or not at all, with what they keep."""

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin

from tfstyle.images.arrays import (
    FloatArray,
    floats,
    resize,
    rounded,
    strips,
    to_uint8,
)
from tfstyle.images.metadata import Metadata, into_profile
from tfstyle.images.reading import StrPath
from tfstyle.system.files import write_bytes

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


def save_image(
    path: StrPath,
    image: npt.ArrayLike,
    text: Mapping[str, str] | None = None,
    keep: Metadata | None = None,
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
    data = _encoded(path, np.asarray(image), text or {}, keep or Metadata())
    write_bytes(path, data)


def _encoded(
    path: Path, image: npt.NDArray[Any], text: Mapping[str, str], keep: Metadata
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


def _png(image: npt.NDArray[Any], text: Mapping[str, str], keep: Metadata) -> bytes:
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
        picture = into_profile(picture, keep.profile)
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
    for parts in strips(floats(image), *([] if alpha is None else [alpha])):
        levels = [rounded(part, 65535) for part in parts]
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
