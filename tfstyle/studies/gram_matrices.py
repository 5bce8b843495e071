"""What is matched: the Gram matrices of style, content and result, as heat maps."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfstyle.config import StyleConfig, with_stroke
from tfstyle.engine.coloring import choose_coloring
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale
from tfstyle.images import Picture, save_image
from tfstyle.jobs.perform import load_result, run_or_keep
from tfstyle.studies.sheet import Tile, contact_sheet
from tfstyle.studies.table import write_table
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow

Grams = dict[str, NDArray[np.float32]]
"""Layer name to Gram matrix, (C, C)."""

WIDTH = 240  # of a heat map on the sheet, pixels
# From dark to light as numbers grow, so that the map can also be read in grey.
COLORS = np.array(
    [
        *[(8, 6, 30), (78, 20, 105), (166, 44, 96)],
        *[(232, 99, 56), (252, 184, 73), (255, 255, 210)],
    ]
)


def draw_gram_matrices(config: StyleConfig, inputs: Inputs, folder: Path) -> Path:
    """Run a transfer and draw the Gram matrices of its pictures, layer by layer.

    Args:
        config: of the transfer; its style layers are drawn.
        inputs: its pictures; of several styles the first is drawn.
        folder: for sheet.png, results.csv and the run.

    Returns:
        The sheet written.

    Raises:
        ValueError: if the run cannot begin, or has no style layers.
        RunError: if it fails after that.
        KeyboardInterrupt: if it was interrupted; it goes on next time.
    """
    check_style(config, inputs)
    if run_or_keep(config, inputs, folder / "run")["stopped"] == "interrupted":
        raise KeyboardInterrupt
    pictures = {**matched(config, inputs), "result": load_result(folder / "run")}
    matrices = measure_grams(config, pictures)
    save_image(folder / "sheet.png", draw(pictures, matrices))
    rows = [
        {"layer": layer, "content": far["content"], "result": far["result"]}
        for layer, far in distances(matrices).items()
    ]
    write_table(folder / "results.csv", rows)
    return folder / "sheet.png"


def matched(config: StyleConfig, inputs: Inputs) -> dict[str, Picture]:
    """Return the style and the content at the final size, in the run's colors."""
    plain = with_stroke(config)
    scaled = ScaledInputs(
        plain, inputs, Scale(config.size, 1), choose_coloring(plain, inputs)
    )
    return {"style": scaled.style(0, scaled.directions[0]), "content": scaled.content}


def check_style(config: StyleConfig, inputs: Inputs) -> None:
    """Check that there are Gram matrices to draw.

    Raises:
        ValueError: if not.
    """
    if not inputs.styles:
        raise ValueError("no style; give --style PATH or set styles")
    if not config.objective.active_style:
        raise ValueError(
            "no style layers; set objective.style_weight and objective.style_layers"
        )


def measure_grams(
    config: StyleConfig, pictures: dict[str, Picture]
) -> dict[str, Grams]:
    """Return the Gram matrices of the style layers, for each picture."""
    style = config.with_overrides({"objective.content_weight": 0})
    require_tensorflow()
    with prepared():
        from tfstyle.engine.kept import Kept, to_tensor
        from tfstyle.objective.losses import gram_matrix

        network = Kept().network(style, "float32")
        assert network is not None  # as there are style layers
        features = {name: network(to_tensor(each)) for name, each in pictures.items()}
        return {
            name: {layer: gram_matrix(maps).numpy() for layer, maps in layers.items()}
            for name, layers in features.items()
        }


def distances(matrices: dict[str, Grams]) -> dict[str, dict[str, float]]:
    """Return mean (G - A)² / mean A², A the style's, by layer and picture."""
    style = matrices["style"]
    return {
        layer: {
            name: float(np.mean((grams[layer] - target) ** 2) / np.mean(target**2))
            for name, grams in matrices.items()
        }
        for layer, target in style.items()
    }


def draw(pictures: dict[str, Picture], matrices: dict[str, Grams]) -> Picture:
    """Return a sheet: the pictures, and a row of heat maps for each layer."""
    lines = [[Tile(picture) for picture in pictures.values()]]
    far = distances(matrices)
    for layer, target in matrices["style"].items():
        lines.append(
            [
                Tile(
                    heat_map(grams[layer], float(target.max())),
                    f"{len(target)} x {len(target)}"
                    if name == "style"
                    else f"distance to style {far[layer][name]:.2g}",
                )
                for name, grams in matrices.items()
            ]
        )
    titles, rows = list(pictures), ["", *matrices["style"]]
    return contact_sheet("Gram matrices", titles, rows, lines, WIDTH)


def heat_map(matrix: NDArray[np.float32], brightest: float) -> Picture:
    """Return a matrix (C, C) as a picture, 0 dark and `brightest` light.

    The fourth root stands between: a few pairs of channels are much stronger than all
    others, which would be black.
    """
    fractions = np.clip(matrix / max(brightest, 1e-12), 0, 1) ** 0.25
    stops = np.linspace(0, 1, len(COLORS))
    channels = [np.interp(fractions, stops, COLORS[:, i] / 255) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)
