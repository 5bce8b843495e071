"""What a result keeps of the content picture beside its colors."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile

from tfstyle.images.reading import (
    DEEP_GREY,
    LYING,
    MAX_MEGAPIXELS,
    ORIENTATION,
    StrPath,
    alpha_channel,
    opened,
    orientation,
    upright,
)

_DESCRIPTION, _DATE, _EXIF_BLOCK, _GPS_BLOCK = 270, 306, 0x8769, 0x8825  # EXIF tags
_DATE_ORIGINAL = 36867  # in the EXIF block


@dataclass(frozen=True)
class Metadata:
    """What the PNG of a result takes over from the content picture."""

    alpha: npt.NDArray[np.uint8] | None = None  # (any height, any width), 0..255
    profile: bytes = b""  # ICC, RGB: the sRGB pixels are converted into it
    exif: bytes = b""
    dpi: tuple[float, float] | None = None  # across, down
    deep: bool = False  # 16 bits per channel instead of 8


def load_metadata(
    path: StrPath,
    profile: str = "srgb",
    location: bool = False,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Metadata:
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
    with opened(path, max_megapixels) as image:
        keep = Metadata(
            deep=_is_deep(image),  # these two first, as decoding hides what they see
            dpi=_kept_dpi(image),
            alpha=_kept_alpha(image),
            profile=_kept_profile(image, notes) if profile == "content" else b"",
            exif=_kept_exif(image, location),
        )
    for note in notes:
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return keep


def _is_deep(image: ImageFile.ImageFile) -> bool:
    """Return whether a file not yet decoded has more than 8 bits per channel.

    Of color, Pillow decodes the upper 8 bits; how they are stored still names all 16.
    """
    return image.mode in DEEP_GREY or any(";16" in str(tile[3]) for tile in image.tile)


def _kept_alpha(image: Image.Image) -> npt.NDArray[np.uint8] | None:
    """Return the transparency, upright; None if nothing is transparent."""
    if not image.has_transparency_data:
        return None
    if image.mode in DEEP_GREY:
        opaque = np.asarray(image) != image.info["transparency"]
        alpha = opaque * np.uint8(255)
    else:
        alpha = np.asarray(alpha_channel(image))
    return None if alpha.min() == 255 else upright(alpha, image, [])


def _kept_profile(image: Image.Image, notes: list[str]) -> bytes:
    """Return the ICC profile if sRGB pixels can be converted into it."""
    embedded: bytes = image.info.get("icc_profile") or b""
    if not embedded:  # what has none is sRGB
        return b""
    try:
        into_profile(Image.new("RGB", (1, 1)), embedded)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        notes.append(f"cannot keep its ICC profile, the result is sRGB: {error}")
        return b""
    return embedded


def into_profile(image: Image.Image, embedded: bytes) -> Image.Image:
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
        kept[ORIENTATION] = 1
        return kept.tobytes()
    except Exception:  # of as many types as in `opened`
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
    return (down, across) if orientation(image, []) in LYING else (across, down)
