"""What a layer sees: its feature maps as grey pictures, white where they are large."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import size_at
from tfstyle.engine.schedule import Scale
from tfstyle.images import Picture, resize, save_image
from tfstyle.runs.folder import check_writable
from tfstyle.studies.sheet import Tile, contact_sheet
from tfstyle.studies.table import write_table
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow
from tfstyle.vgg.layers import LAYERS
from tfstyle.vgg.layers import layer as known_layer

Maps = NDArray[np.float32]
"""Features of one layer, (h, w, C)."""

FIRST_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
ALL_WIDTH, ONE_WIDTH = 130, 400  # of a map on the sheet, pixels


def draw_feature_maps(
    config: StyleConfig, content: Picture, layer: str, channel: int | None, folder: Path
) -> list[Path]:
    """Draw a layer's maps, or one of them, and the first map of each block.

    Args:
        config: its size and extractor count.
        content: the picture to look at, (h, w, 3), RGB, in [0, 1].
        layer: Keras' name of it.
        channel: to draw alone; None for all.
        folder: for sheet.png, blocks.png and results.csv.

    Returns:
        The pictures written.

    Raises:
        ValueError: for an unknown layer or channel, too small a picture, or a folder
            that cannot be written.
    """
    picture = resize(content, *size_at(Scale(config.size, 1), content))
    check_layer(layer, channel, picture)
    check_writable(folder)
    blocks = [
        each for each in FIRST_LAYERS if LAYERS[each].min_side <= min(picture.shape[:2])
    ]
    features = extract(config, picture, [layer, *blocks])
    folder.mkdir(parents=True, exist_ok=True)
    sheet, overview = folder / "sheet.png", folder / "blocks.png"
    save_image(sheet, draw_maps(layer, features[layer], channel))
    save_image(
        overview, draw_blocks(picture, {name: features[name] for name in blocks})
    )
    write_table(folder / "results.csv", statistics(layer, features[layer]))
    return [sheet, overview]


def check_layer(layer: str, channel: int | None, picture: Picture) -> None:
    """Check that the network has this channel and the picture is large enough for it.

    Raises:
        ValueError: if not.
    """
    needed, channels = known_layer(layer).min_side, known_layer(layer).channels
    if channel is not None and not 0 <= channel < channels:
        raise ValueError(
            f"{layer} has no channel {channel}; choose 0 to {channels - 1}"
        )
    height, width = picture.shape[:2]
    if min(height, width) < needed:
        raise ValueError(
            f"the picture has {width} x {height} pixels, but {layer} needs at least "
            f"{needed} x {needed}; raise --size"
        )


def extract(
    config: StyleConfig, picture: Picture, layers: list[str]
) -> dict[str, Maps]:
    """Return the features of a picture by layer, in float32."""
    require_tensorflow()
    with prepared():
        from tfstyle.vgg.extractor import vgg19

        options = config.extractor
        network = vgg19(layers, options.weights, options.pooling, options.normalized)
        features = network(picture[None])
        return {name: np.asarray(maps)[0] for name, maps in features.items()}


def draw_maps(layer: str, maps: Maps, channel: int | None) -> Picture:
    """Return all maps in a square, or one of them large."""
    if channel is not None:
        tile = Tile(as_grey(maps[..., channel]))
        return contact_sheet(f"{layer}, map {channel}", [""], [""], [[tile]], ONE_WIDTH)
    across = math.ceil(math.sqrt(maps.shape[-1]))
    tiles = [Tile(as_grey(maps[..., i]), str(i)) for i in range(maps.shape[-1])]
    tiles += [Tile("")] * (-len(tiles) % across)
    lines = [tiles[i : i + across] for i in range(0, len(tiles), across)]
    titles, names = [""] * across, [""] * len(lines)
    return contact_sheet(f"The maps of {layer}", titles, names, lines, ALL_WIDTH)


def draw_blocks(picture: Picture, features: dict[str, Maps]) -> Picture:
    """Return the picture and the first map of each of some layers, in a row."""
    tiles = [Tile(picture, f"{picture.shape[1]} x {picture.shape[0]}")]
    for maps in features.values():
        height, width, channels = maps.shape
        tiles.append(Tile(as_grey(maps[..., 0]), f"{width} x {height} x {channels}"))
    titles = ["picture", *(f"{name}, map 0" for name in features)]
    return contact_sheet("", titles, [""], [tiles], 256)


def as_grey(values: NDArray[np.float32]) -> Picture:
    """Return a map (h, w) as a picture: black at 0 and below, white at its largest."""
    shown = np.maximum(values, 0) / max(float(values.max()), 1e-12)
    return np.repeat(shown[..., None], 3, axis=-1).astype(np.float32)


def statistics(layer: str, maps: Maps) -> list[dict[str, object]]:
    """Return each channel's mean, largest value and fraction of positions that fire."""
    return [
        {
            "layer": layer,
            "channel": i,
            "mean": float(maps[..., i].mean()),
            "max": float(maps[..., i].max()),
            "firing": float((maps[..., i] > 0).mean()),
        }
        for i in range(maps.shape[-1])
    ]
