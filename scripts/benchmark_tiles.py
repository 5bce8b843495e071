"""Measure what tiles cost: seconds of a step and peak memory, whole and in tiles.

    python scripts/benchmark_tiles.py
    python scripts/benchmark_tiles.py --quick

prints the tables of docs/posters.md. Twenty minutes on two cores; --quick: three.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from benchmarks.steps import evaluation, peak_gib

from tfstyle.cli.command import command
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.plan import Plan, halo
from tfstyle.engine.schedule import Scale
from tfstyle.images import Picture, load_image, save_image
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow

FLAGS = flags.FLAGS
flags.DEFINE_bool("quick", False, "Small sizes and few steps: does it work?")

TILE = 512  # pixels
STYLE = "examples/style/swirls.jpg"


def square(path: str) -> Picture:
    """Return the middle square of a picture, (side, side, 3)."""
    picture = load_image(path)
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def step(
    inputs: Inputs, size: int, precision: str, tile: int | None
) -> Callable[[], float]:
    """Return a function that evaluates value and gradient once, in seconds."""
    config = StyleConfig(styles=[{}])
    plan = Plan(tile, config.optimizer, True, 0.0)
    return evaluation(config, inputs, size, precision, plan)


def overhead(inputs: Inputs, size: int, tile: int, rounds: int) -> None:
    """Print the seconds of a step, whole and tiled in turn, and their ratio."""
    for precision in ("float32", "bfloat16"):
        whole = step(inputs, size, precision, None)
        tiled = step(inputs, size, precision, tile)
        times = [(whole(), tiled()) for _ in range(rounds)]
        fast, slow = (min(each) for each in zip(*times, strict=True))
        print(
            f"| {size} px, {precision} | {fast:.2f} s | {slow:.2f} s "
            f"| {slow / fast:.2f} |",
            flush=True,
        )


def by_size(inputs: Inputs, content: Path, sizes: list[int], tile: int) -> None:
    """Print a tiled step's seconds per megapixel, and a short run's peak memory."""
    from tfstyle.objective.cutting import cut_tiles

    around = halo(StyleConfig().objective.layers)
    for size in sizes:
        seconds = step(inputs, size, "bfloat16", tile)()
        tiles = cut_tiles(size, size, tile, around, 16)
        seen = sum(each.crop[2] * each.crop[3] for each in tiles)
        # Two steps remember no more than two pairs: the peak of the shortest history.
        overrides = {"memory.tile": tile, "optimizer.history": 2}
        print(
            f"| {size} x {size} | {seconds:.1f} s | {seconds / size**2 * 1e6:.1f} s "
            f"| {seconds / seen * 1e6:.1f} s "
            f"| {estimate_and_peak(inputs, content, size, 2, **overrides)} |",
            flush=True,
        )


def estimates(inputs: Inputs, content: Path, small: int, tile: int) -> None:
    """Print how far the estimates of --dry_run are from the peaks of full histories."""
    large, half, full = 2 * small, {"precision": "bfloat16"}, {"precision": "float32"}
    tiled, tiny = {"memory.tile": tile}, {"memory.tile": max(64, tile // 4)}
    shallow = {
        "objective.style_layers": {"block1_conv1": 1.0},
        "objective.content_layers": {"block3_conv1": 1.0},
    }
    for size, overrides in (
        *((small, half), (small, full), (large, half), (large, full)),
        *((large, half | tiled), (large, full | tiled), (large, half | tiny)),
        (large, {"optimizer.name": "adam", **tiled}),
        (large, shallow),
    ):
        found = estimate_and_peak(inputs, content, size, 13, **overrides)
        how = ", ".join(f"{name} {value}" for name, value in overrides.items())
        print(f"| {size} x {size} | {how} | {found} |", flush=True)


def estimate_and_peak(
    inputs: Inputs, content: Path, size: int, steps: int, **overrides: Any
) -> str:
    """Return a run's plan, its peak memory, and their ratio as cells of a table."""
    from tfstyle.engine.context import Context

    config = StyleConfig().with_overrides(
        {
            "content.path": str(content),
            "styles": [{"path": STYLE}],
            "size": size,
            "precision": "bfloat16",
            "pyramid.min_size": None,
            "memory.limit_gib": 3.9,
            **overrides,
        }
    )
    limit = config.memory.limit_gib
    plan = Context(config, inputs, config.precision, limit).plan(Scale(size, 1))
    peak = peak_gib(config, steps)
    return f"{plan} | {peak:.2f} GiB | {plan.gib / peak:.2f}"


def main() -> int:
    """Print the three tables."""
    inputs = Inputs(square("examples/content/coffee.png"), [load_image(STYLE)])
    require_tensorflow()
    with prepared(), tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "square.png"
        save_image(content, inputs.content)
        print_tables(inputs, content, FLAGS.quick)
    return 0


def print_tables(inputs: Inputs, content: Path, quick: bool) -> None:
    """Print what tiles cost, time and memory by size, and the estimates."""
    tile = 128 if quick else TILE
    overhead(inputs, 2 * tile, tile, 1 if quick else 5)
    by_size(inputs, content, [128, 256] if quick else [512, 1024, 2048, 4096], tile)
    estimates(inputs, content, tile, tile)


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
