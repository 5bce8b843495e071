"""Neural style transfer on TensorFlow and Keras' VGG19.

>>> from tfstyle import save_image, stylize
>>> result = stylize("photo.jpg", "painting.jpg", size=256)    # doctest: +SKIP
>>> save_image("styled.png", result.image)                     # doctest: +SKIP

Importing tfstyle loads no TensorFlow; the first call of `stylize` does.
"""

from typing import TYPE_CHECKING, Any

from tfstyle.config.schema import StyleConfig

if TYPE_CHECKING:
    from tfstyle.engine.loop import Result, stylize
    from tfstyle.engine.stage import Step
    from tfstyle.images import load_image, save_image

__version__ = "0.1.0"
__all__ = ["Result", "Step", "StyleConfig", "load_image", "save_image", "stylize"]


def __getattr__(name: str) -> Any:
    if name in ("load_image", "save_image"):
        from tfstyle import images

        return getattr(images, name)
    if name in ("Result", "Step", "stylize"):
        from tfstyle.system.devices import quiet_import

        with quiet_import():
            from tfstyle.engine import loop as transfer
        return getattr(transfer, name)
    raise AttributeError(f"module 'tfstyle' has no attribute {name!r}")
