"""Text as a picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfstyle.images.arrays import FloatArray
from tfstyle.images.reading import StrPath


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
