"""Files to arrays and back; the only package that knows Pillow.

An image is RGB (the sRGB color space), float32, in [0, 1], (height, width, 3).
"""

from tfstyle.images.arrays import Picture, cover, fit_size, resize, to_uint8
from tfstyle.images.colors import ColorMap, color_map
from tfstyle.images.film import check_film, save_film
from tfstyle.images.lettering import draw_text
from tfstyle.images.metadata import Metadata, load_metadata
from tfstyle.images.reading import MAX_MEGAPIXELS, as_picture, load_image, load_text
from tfstyle.images.writing import save_image

__all__ = [
    "MAX_MEGAPIXELS",
    "ColorMap",
    "Metadata",
    "Picture",
    "as_picture",
    "check_film",
    "color_map",
    "cover",
    "draw_text",
    "fit_size",
    "load_image",
    "load_metadata",
    "load_text",
    "resize",
    "save_film",
    "save_image",
    "to_uint8",
]
