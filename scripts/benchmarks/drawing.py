"""The plot and the pictures of docs/benchmarks.md, by Matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.curves import Curve
from tfstyle.images import Picture


def pyplot() -> Any:
    """Import Matplotlib for drawing into files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def draw_pictures(pictures: list[tuple[str, Picture]], path: Path) -> None:
    """Draw titled pictures in two columns."""
    plt = pyplot()
    figure, axes = plt.subplots(len(pictures) // 2, 2, figsize=(9, 6.6))
    for axis, (title, picture) in zip(axes.flat, pictures, strict=True):
        axis.imshow(np.clip(picture, 0, 1))
        axis.set_title(title, fontsize=11)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110, pil_kwargs={"quality": 90})


def draw_curves(curves: dict[str, list[Curve]], path: Path) -> None:
    """Draw the objective against seconds, both logarithmic, a panel per comparison."""
    plt = pyplot()
    figure, axes = plt.subplots(1, len(curves), figsize=(11, 4.5), squeeze=False)
    for axis, (title, group) in zip(axes[0], curves.items(), strict=True):
        for curve in group:
            axis.loglog(curve.seconds, curve.values, label=curve.name, linewidth=2)
        axis.set(title=title, xlabel="seconds", ylabel="objective of the saved picture")
        axis.grid(alpha=0.3, which="both")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
