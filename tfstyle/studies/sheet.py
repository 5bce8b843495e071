"""A contact sheet: labelled pictures in a grid, to look at and to put on a slide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfstyle.images import Picture, draw_text, fit_size, resize
from tfstyle.vgg.weights import bundled_file

FONT = "Pretendard-Regular.otf"
GAP = 10  # pixels between cells
WIDTHS = 160, 384  # of a picture, pixels: it is enlarged or reduced to fit between


@dataclass(frozen=True)
class Tile:
    """A picture of the sheet, or what stands in its place, and the words under it."""

    picture: Picture | str
    caption: str = ""


def contact_sheet(
    title: str,
    columns: Sequence[str],
    rows: Sequence[str],
    tiles: Sequence[Sequence[Tile]],
    width: int | None = None,
) -> Picture:
    """Lay out tiles with titles.

    Args:
        title: over everything, or "".
        columns: a title for each column.
        rows: a title for each row; all may be "".
        tiles: by row and column; rows may differ in height.
        width: of a column, pixels; by default after the widest picture.

    Returns:
        A picture (height, width, 3) on white.
    """
    width = width or column_width(tiles)
    side = 130 if any(rows) else 0
    lines = [] if not title else [[words(title, 24, side + len(columns) * width)]]
    if any(columns):
        lines.append(
            [blank(1, side), *[words(each, 17, width - GAP) for each in columns]]
        )
    for name, row in zip(rows, tiles, strict=True):
        heading = words(name, 17, side) if side else blank(1, 0)
        lines.append([heading, *[draw_tile(tile, width) for tile in row]])
    return stack([beside(line, width, side) for line in lines])


def column_width(tiles: Sequence[Sequence[Tile]]) -> int:
    """Return the widest picture's width, within reason."""
    pictures = [tile.picture for row in tiles for tile in row]
    widths = [each.shape[1] for each in pictures if not isinstance(each, str)]
    least, most = WIDTHS
    return max(least, min(most, max(widths, default=least)))


def words(text: str, size: int, width: int) -> Picture:
    """Return lettering, (height, width, 3)."""
    return draw_text(text, bundled_file(FONT), size, max(width, 1))


def draw_tile(tile: Tile, width: int) -> Picture:
    """Return a picture with its caption, fitted into a column."""
    inner = width - GAP
    if isinstance(tile.picture, str):
        return words(tile.picture, 14, inner)
    height, old_width = tile.picture.shape[:2]
    across = min(inner, max(1, round(old_width * inner / max(height, old_width))))
    height = max(1, round(height * across / old_width))
    picture = resize(tile.picture, height, across)
    caption = [words(tile.caption, 14, inner)] if tile.caption else []
    return np.concatenate([centered(picture, inner), *caption])


def beside(parts: Sequence[Picture], width: int, side: int) -> Picture:
    """Put a line's parts into their columns, centered from top to bottom."""
    height = max(part.shape[0] for part in parts)
    if len(parts) == 1:
        return parts[0]
    widths = [side, *[width] * (len(parts) - 1)]
    columns = []
    for part, wide in zip(parts, widths, strict=True):
        top = (height - part.shape[0]) // 2
        bottom = height - part.shape[0] - top
        filled = np.pad(part, ((top, bottom), (0, 0), (0, 0)), constant_values=1)
        columns.append(centered(filled, wide) if wide else filled[:, :0])
    return np.concatenate(columns, axis=1)


def stack(lines: Sequence[Picture]) -> Picture:
    """Put lines under each other, with a margin around all."""
    width = max(line.shape[1] for line in lines)
    spaced = [
        part for line in lines for part in (centered(line, width), blank(GAP, width))
    ]
    margin = ((GAP, 0), (GAP, GAP), (0, 0))
    return np.pad(np.concatenate(spaced), margin, constant_values=1).astype(np.float32)


def centered(picture: Picture, width: int) -> Picture:
    """Pad a picture with white to a width."""
    left = (width - picture.shape[1]) // 2
    right = width - picture.shape[1] - left
    return np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=1)


def blank(height: int, width: int) -> Picture:
    """Return white, (height, width, 3)."""
    return np.ones((height, width, 3), np.float32)


def thumbnail(picture: Picture, long_side: int = WIDTHS[1]) -> Picture:
    """Return a picture no larger than a sheet shows it."""
    height, width, _ = picture.shape
    return resize(picture, *fit_size(height, width, min(long_side, max(height, width))))
