"""Parts of a picture that look alike to VGG19, from which a mask can be picked.

k-means divides what is large and even, such as a sky, before it tells small things
apart. So it makes many clusters here, and those nearest to each other are merged.
"""

import numpy as np
import numpy.typing as npt

from tfstyle.images import FloatArray, Picture, fit_size, oklab, resize, snapped
from tfstyle.studies.sheet import Tile, contact_sheet, thumbnail
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow
from tfstyle.vgg.layers import layer as known

# Chosen on five photographs with a sky, for it to be one part.
LONG_SIDE = 256  # pixels at which the network looks
MARGIN = 32  # pixels of the mirrored picture around it; a multiple of all strides
COLOR, HEIGHT = 4.0, 1.0  # weights of both, beside features of a mean square of 1
MOST = 32  # clusters of k-means, before any are merged
CROWDING = 0.25  # 1 would be Ward's criterion, which is that of k-means

ROUNDS = 100  # of k-means, which is done long before
MASK_SIZE = 1024  # long side at which the edges of masks are found, at most
Labels = npt.NDArray[np.intp]
Rows = npt.NDArray[np.float64]


def clusters(picture: Picture, layer: str, count: int, seed: int = 0) -> FloatArray:
    """Divide a picture into so many parts by the features of a layer.

    k-means (Lloyd 1982) over features, color and height in the picture, begun at places
    far from each other (Arthur & Vassilvitskii 2007); then the clusters nearest to each
    other are merged until there are as many as asked for.

    Args:
        picture: (height, width, 3), in [0, 1].
        layer: Keras' name; deeper ones divide by meaning, but more coarsely.
        count: of the parts, up to 32.
        seed: of where the clusters begin.

    Returns:
        A mask of each part, (h, w, count), adding up to 1; the first is that of the
        largest. It has the picture's size, or a long side of 1024 pixels if that is
        less.

    Raises:
        ValueError: for an unknown layer, one too deep for the picture, or more parts
            than it has places that differ.
    """
    places = look(picture, layer)
    rows = places.reshape(-1, places.shape[-1])
    labels = merged(rows, k_means(rows, MOST, np.random.default_rng(seed)), count)
    found = len(np.unique(labels))
    if found < count:
        raise ValueError(
            f"{layer} finds only {found} of {count} parts in the picture; ask for "
            "fewer, or choose a shallower layer"
        )
    order = np.argsort(-np.bincount(labels), kind="stable")
    parts = (labels[:, None] == order).reshape(*places.shape[:2], count)
    return with_edges(parts.astype(np.float32), picture)


def look(picture: Picture, layer: str) -> Rows:
    """Return (h, w, C + 4): a layer's features, and beside them color and height.

    Around the picture is a margin in which it is mirrored. Without it, places at its
    borders would be alike because they are at a border.

    Raises:
        ValueError: for an unknown layer, or one too deep for the picture.
    """
    height, width, _ = picture.shape
    size = fit_size(height, width, min(LONG_SIDE, max(height, width)))
    stride = known(layer).stride
    if min(size) < known(layer).min_side:
        raise ValueError(
            f"the picture is looked at with {size[1]} x {size[0]} pixels, but {layer} "
            f"needs {stride} x {stride}; choose a shallower layer"
        )
    rows, columns, outside = (round(side / stride) for side in (*size, MARGIN))
    seen = resize(picture, rows * stride, columns * stride)
    framed = np.pad(seen, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), "symmetric")
    features = features_at(framed, layer).astype(np.float64)
    features = features[outside:, outside:][:rows, :columns]
    features /= max(np.sqrt((features**2).sum(-1).mean()), 1e-12)
    colors = COLOR * oklab(resize(seen, rows, columns))
    heights = HEIGHT * np.linspace(0, 1, rows)[:, None, None].repeat(columns, 1)
    return np.concatenate([features, colors, heights], axis=-1)


def features_at(picture: Picture, layer: str) -> FloatArray:
    """Return the features of a layer, (h, w, C)."""
    require_tensorflow()
    with prepared():
        from tfstyle.engine.kept import to_tensor
        from tfstyle.vgg.extractor import vgg19

        network = vgg19([layer], pooling="max", padding="mirror")
        features: FloatArray = network(to_tensor(picture))[layer].numpy()[0]
    return features


def k_means(rows: Rows, count: int, rng: np.random.Generator) -> Labels:
    """Return to which of so many clusters each row of (n, C) belongs.

    There are fewer clusters where fewer rows differ.
    """
    centers = rows[[rng.integers(len(rows))]]
    while len(centers) < count:
        far = np.min(_distances(rows, centers), axis=1)
        if not far.any():
            break
        centers = np.vstack([centers, rows[rng.choice(len(rows), p=far / far.sum())]])
    labels = _numbered(np.argmin(_distances(rows, centers), axis=1))
    for _ in range(ROUNDS):
        before, (centers, _) = labels, _means(rows, labels)
        labels = _numbered(np.argmin(_distances(rows, centers), axis=1))
        if np.array_equal(before, labels):
            break
    return labels


def merged(rows: Rows, labels: Labels, count: int) -> Labels:
    """Merge the two clusters nearest to each other until there are so many.

    The larger two clusters are, the later they are merged: the distance of their means
    is multiplied by a power of the harmonic mean of their sizes (Ward 1963).
    """
    centers, sizes = _means(rows, labels)
    while len(centers) > count:
        both = sizes * sizes[:, None] / (sizes + sizes[:, None])
        apart = _distances(centers, centers) * both**CROWDING
        np.fill_diagonal(apart, np.inf)
        kept, gone = np.unravel_index(np.argmin(apart), apart.shape)
        labels = _numbered(np.where(labels == gone, kept, labels))
        centers, sizes = _means(rows, labels)
    return labels


def _distances(rows: Rows, centers: Rows) -> Rows:
    """Return squared distances, (rows, centers)."""
    squares = np.sum(rows**2, 1)
    distances: Rows = squares[:, None] + np.sum(centers**2, 1) - 2 * rows @ centers.T
    distances[distances < 1e-12 * squares.max()] = 0  # what rounding leaves of 0
    return distances


def _means(rows: Rows, labels: Labels) -> tuple[Rows, Rows]:
    """Return the mean of each cluster, (clusters, C), and how many rows it has."""
    belongs = (labels == np.arange(labels.max() + 1)[:, None]).astype(np.float64)
    sizes = belongs.sum(1)
    return belongs @ rows / sizes[:, None], sizes


def _numbered(labels: Labels) -> Labels:
    """Number clusters anew where some have no rows."""
    return np.unique(labels, return_inverse=True)[1]


def with_edges(parts: FloatArray, picture: Picture) -> FloatArray:
    """Return masks of parts, (h, w, count), whose edges are those of the picture."""
    height, width, _ = picture.shape
    size = fit_size(height, width, min(MASK_SIZE, max(height, width)))
    position = max(1, round(max(size) / max(parts.shape[:2])))  # its pixels
    found = snapped(resize(parts, *size), resize(picture, *size), position)
    contrast = found**2  # the filter leaves edges softer than they are
    return np.asarray(contrast / contrast.sum(-1, keepdims=True), np.float32)


def draw_clusters(picture: Picture, masks: FloatArray) -> Picture:
    """Draw the parts on a sheet, each with its number: the rest is faded."""
    seen = thumbnail(resize(picture, *masks.shape[:2]))
    tiles = []
    for number, mask in enumerate(np.split(masks, masks.shape[-1], axis=-1), 1):
        part = resize(mask, *seen.shape[:2])
        faded = part * seen + (1 - part) * (0.15 * seen + 0.85)
        tiles.append(Tile(faded, f"{number}: {mask.mean():.0%}"))
    across = min(len(tiles), 3)
    tiles += [Tile("")] * (-len(tiles) % across)
    rows = [tiles[at : at + across] for at in range(0, len(tiles), across)]
    return contact_sheet("", [""] * across, [""] * len(rows), rows)
