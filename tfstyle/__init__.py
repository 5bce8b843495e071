"""Neural style transfer on TensorFlow and Keras' VGG19.

>>> from tfstyle import save_image, stylize
>>> result = stylize("photo.jpg", "painting.jpg", size=256)    # doctest: +SKIP
>>> save_image("styled.png", result.image)                     # doctest: +SKIP

Importing tfstyle loads no TensorFlow; the first call of `stylize` does.
"""

from typing import TYPE_CHECKING, Any

from tfstyle.config import StyleConfig

if TYPE_CHECKING:
    from tfstyle.api import Result, Stop, stylize
    from tfstyle.engine.state import Step
    from tfstyle.images import load_image, save_image

__version__ = "0.1.0"
__all__ = [
    "Result",
    "Step",
    "Stop",
    "StyleConfig",
    "load_image",
    "save_image",
    "stylize",
]


def __getattr__(name: str) -> Any:
    if name in ("load_image", "save_image"):
        from tfstyle import images

        return getattr(images, name)
    if name in ("Result", "Stop", "stylize"):
        from tfstyle import api

        return getattr(api, name)
    if name == "Step":
        from tfstyle.engine.state import Step

        return Step
    raise AttributeError(f"module 'tfstyle' has no attribute {name!r}")
