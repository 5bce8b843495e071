"""Files to arrays and back; the only package that knows Pillow.

An image is RGB (the sRGB color space), float32, in [0, 1], (height, width, 3).
"""

from tfstyle.images.arrays import (
    Direction,
    FloatArray,
    Picture,
    cover,
    fit_size,
    resize,
    to_uint8,
    turned,
)
from tfstyle.images.colors import ColorMap, color_map
from tfstyle.images.film import check_film, save_film
from tfstyle.images.lettering import draw_text
from tfstyle.images.masks import (
    box_mask,
    color_mask,
    feathered,
    load_mask,
    load_masks,
    resize_mask,
    save_mask,
    snapped,
)
from tfstyle.images.metadata import Metadata, load_metadata
from tfstyle.images.oklab import chroma, colored, grey, oklab
from tfstyle.images.reading import MAX_MEGAPIXELS, as_picture, load_image, load_text
from tfstyle.images.writing import save_image

__all__ = [
    "MAX_MEGAPIXELS",
    "ColorMap",
    "Direction",
    "FloatArray",
    "Metadata",
    "Picture",
    "as_picture",
    "box_mask",
    "check_film",
    "chroma",
    "color_map",
    "color_mask",
    "colored",
    "cover",
    "draw_text",
    "feathered",
    "fit_size",
    "grey",
    "load_image",
    "load_mask",
    "load_masks",
    "load_metadata",
    "load_text",
    "oklab",
    "resize",
    "resize_mask",
    "save_film",
    "save_image",
    "save_mask",
    "snapped",
    "to_uint8",
    "turned",
]
