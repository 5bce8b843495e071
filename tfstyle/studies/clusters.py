"""Parts of a picture that look alike to VGG19, from which a mask can be picked."""

import numpy as np
import numpy.typing as npt

from tfstyle.images import FloatArray, Picture, fit_size, resize, snapped
from tfstyle.studies.sheet import Tile, contact_sheet, thumbnail
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow
from tfstyle.vgg.layers import layer as known

LONG_SIDE = 384  # pixels at which the network looks
ROUNDS = 30
Labels = npt.NDArray[np.intp]
Rows = npt.NDArray[np.float64]


def clusters(picture: Picture, layer: str, count: int, seed: int = 0) -> FloatArray:
    """Divide a picture into so many parts by the features of a layer.

    k-means over the directions of the features (Lloyd 1982), begun at places far from
    each other (Arthur & Vassilvitskii 2007).

    Args:
        picture: (height, width, 3), in [0, 1].
        layer: Keras' name; deeper ones divide by meaning, but more coarsely.
        count: of the parts.
        seed: of where they begin.

    Returns:
        A mask of each part, (height, width, count), adding up to 1; the first is that
        of the largest.

    Raises:
        ValueError: for an unknown layer, one too deep for the picture, or more parts
            than it has places.
    """
    height, width, _ = picture.shape
    size = fit_size(height, width, min(LONG_SIDE, max(height, width)))
    least = known(layer).min_side
    if min(size) < least:
        raise ValueError(
            f"the picture is looked at with {size[1]} x {size[0]} pixels, but {layer} "
            f"needs {least} x {least}; choose a shallower layer"
        )
    features = features_at(resize(picture, *size), layer)
    flat = features.reshape(-1, features.shape[-1]).astype(np.float64)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    labels = k_means(flat, count, np.random.default_rng(seed))
    order = np.argsort(-np.bincount(labels, minlength=count))
    parts = labels[:, None] == order
    masks = parts.reshape(*features.shape[:2], count).astype(np.float32)
    radius = max(2, max(height, width) // 40)
    found = snapped(resize(masks, height, width), picture, radius)
    total = np.maximum(found.sum(-1, keepdims=True), 1e-6)
    return np.asarray(found / total, np.float32)


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
    """Return to which of so many clusters each row of (n, C) belongs."""
    if count > len(rows):
        raise ValueError(f"{count} clusters of {len(rows)} places are too many")
    centers = rows[[rng.integers(len(rows))]]
    while len(centers) < count:
        far = np.min(_distances(rows, centers), axis=1)
        even = np.full(len(rows), 1 / len(rows))
        chance = far / far.sum() if far.sum() > 0 else even
        centers = np.vstack([centers, rows[rng.choice(len(rows), p=chance)]])
    for _ in range(ROUNDS):
        labels: Labels = np.argmin(_distances(rows, centers), axis=1)
        members = [rows[labels == each] for each in range(count)]
        centers = np.stack(
            [m.mean(0) if len(m) else c for m, c in zip(members, centers, strict=True)]
        )
    return labels


def _distances(rows: Rows, centers: Rows) -> Rows:
    """Return squared distances, (rows, centers)."""
    squares = np.sum(rows**2, 1)[:, None] + np.sum(centers**2, 1)
    distances: Rows = np.maximum(squares - 2 * rows @ centers.T, 0)
    return distances


def draw_clusters(picture: Picture, masks: FloatArray) -> Picture:
    """Draw the parts on a sheet, each with its number: the rest is faded."""
    parts = np.split(masks, masks.shape[-1], axis=-1)
    tiles = [
        Tile(thumbnail(mask * picture + (1 - mask) * (0.15 * picture + 0.85)), str(n))
        for n, mask in enumerate(parts, 1)
    ]
    across = min(len(tiles), 3)
    tiles += [Tile("")] * (-len(tiles) % across)
    rows = [tiles[at : at + across] for at in range(0, len(tiles), across)]
    return contact_sheet("", [""] * across, [""] * len(rows), rows)
