"""For notebooks: pictures side by side, a live preview, the losses' plot, uploads."""

import time
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from tfstyle.engine.state import Step
from tfstyle.images import Picture, as_picture

PLACE = {"step", "scale", "height", "width", "seconds"}
"""The columns of a log.csv that are no losses."""


class Preview:
    """An observer for `stylize(..., on_step=...)`: shows the picture as it changes.

    Args:
        seconds: between two pictures.

    Attributes:
        history: a mapping per step: step, seconds, and the losses by name.
    """

    def __init__(self, seconds: float = 2.0) -> None:
        self.history: list[dict[str, float]] = []
        self._seconds, self._shown = seconds, -float("inf")
        self._handle: Any = None

    def __call__(self, step: Step) -> None:
        row = {"step": step.step, "seconds": step.seconds}
        self.history.append({**row, **step.losses})
        now = time.perf_counter()
        if now - self._shown >= self._seconds or step.last:
            self._shown = now
            title = (
                f"step {step.step}, {step.width} x {step.height}, {step.progress:.0%}"
            )
            self._show(as_png(figure([step.image()], [title])))

    def _show(self, picture: Any) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)


def show(*pictures: Picture | str | Path, titles: Sequence[str] = ()) -> None:
    """Show pictures, arrays in [0, 1] or paths, in a row."""
    from IPython.display import display

    display(as_png(figure([as_picture(picture) for picture in pictures], titles)))


def figure(pictures: Sequence[Picture], titles: Sequence[str] = ()) -> Any:
    """Return a Matplotlib figure with pictures in a row, with titles if given."""
    from matplotlib.figure import Figure

    ratio = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    width = min(12.0, 6.0 * len(pictures))
    height = max(1.5, width / len(pictures) * ratio + 0.4)
    drawn = Figure(figsize=(width, height), layout="tight")
    axes = drawn.subplots(1, len(pictures), squeeze=False)[0]
    for number, (axis, picture) in enumerate(zip(axes, pictures, strict=True)):
        axis.imshow(np.clip(picture, 0, 1))
        axis.axis("off")
        if number < len(titles):
            axis.set_title(titles[number])
    return drawn


def as_png(drawn: Any) -> Any:
    """Return a figure as a picture that every notebook shows, whatever its backend."""
    from IPython.display import Image

    buffer = BytesIO()
    drawn.savefig(buffer, format="png", dpi=100)
    return Image(data=buffer.getvalue())


def plot_losses(history: Sequence[Mapping[str, float]]) -> None:
    """Plot the losses by step, logarithmic.

    Args:
        history: of a `Preview`, or the rows of a log.csv as numbers.
    """
    from IPython.display import display
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, 4), layout="tight")
    axis = drawn.subplots()
    steps = [row["step"] for row in history]
    for name in [name for name in history[0] if name not in PLACE]:
        axis.semilogy(steps, [max(row[name], 1e-12) for row in history], label=name)
    axis.set(xlabel="step", ylabel="loss")
    axis.grid(alpha=0.3)
    axis.legend()
    display(as_png(drawn))


def upload() -> list[str]:
    """Ask for files, in Colab, and return their names.

    Raises:
        ValueError: outside Colab, where a path does.
    """
    try:
        from google.colab import files
    except ImportError:
        raise ValueError(
            "uploads work in Colab; elsewhere give the path of a picture"
        ) from None
    return list(files.upload())
