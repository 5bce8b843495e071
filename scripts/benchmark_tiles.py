"""What tiles cost: seconds of a step and peak memory by size, whole and in tiles.

Prints the tables of docs/posters.md. Twenty minutes on two cores; --quick: three.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags
from benchmark import peak_gib

from tfstyle.cli.command import command
from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import Inputs, Picture
from tfstyle.engine.plan import Plan, halo
from tfstyle.engine.schedule import Scale
from tfstyle.images import load_image, save_image
from tfstyle.system.devices import prepare, quiet_import

TILE = 512
FLAGS = flags.FLAGS

USAGE = "Measure tiles against whole pictures: python scripts/benchmark_tiles.py"


def square(path: str) -> Picture:
    """Return the middle square of a picture, (side, side, 3)."""
    picture = load_image(path)
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def evaluation(inputs: Inputs, size: int, precision: str, tile: int | None) -> Any:
    """Return a function that evaluates value and gradient once, in seconds."""
    from tfstyle.engine.context import Setting
    from tfstyle.engine.stage import make_network, make_objective, to_tensor
    from tfstyle.engine.start import start_image

    config, scale = StyleConfig(styles=[{}]), Scale(size, 1)
    plan = Plan(tile, config.optimizer, True, 0.0)
    network = make_network(config, precision)
    setting = Setting(config, inputs, precision)
    objective = make_objective(network, setting, scale, plan)
    image = to_tensor(start_image(config, inputs, scale))

    def evaluate() -> float:
        began = time.perf_counter()
        float(objective.value_and_gradient(image)[0].total)
        return time.perf_counter() - began

    evaluate()
    return evaluate


def overhead(inputs: Inputs, size: int, tile: int, rounds: int) -> None:
    """Print the seconds of a step, whole and tiled in turn, and their ratio."""
    for precision in ("float32", "bfloat16"):
        whole = evaluation(inputs, size, precision, None)
        tiled = evaluation(inputs, size, precision, tile)
        times = [(whole(), tiled()) for _ in range(rounds)]
        fast, slow = (min(each) for each in zip(*times, strict=True))
        print(
            f"| {size} px, {precision} | {fast:.2f} s | {slow:.2f} s "
            f"| {slow / fast:.2f} |",
            flush=True,
        )


def by_size(inputs: Inputs, content: Path, sizes: list[int], tile: int) -> None:
    """Print a tiled step's seconds per megapixel, and a short run's peak memory."""
    from tfstyle.objective.tiled import cut_tiles

    around = halo(StyleConfig().objective.layers)
    for size in sizes:
        seconds = evaluation(inputs, size, "bfloat16", tile)()
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
    for size, overrides in (
        (small, {"precision": "bfloat16"}),
        (small, {"precision": "float32"}),
        (2 * small, {"precision": "bfloat16"}),
        (2 * small, {"precision": "float32"}),
        (2 * small, {"precision": "bfloat16", "memory.tile": tile}),
        (2 * small, {"precision": "float32", "memory.tile": tile}),
        (2 * small, {"precision": "bfloat16", "memory.tile": max(64, tile // 4)}),
        (2 * small, {"optimizer.name": "adam", "memory.tile": tile}),
        (
            2 * small,
            {
                "objective.style_layers": {"block1_conv1": 1.0},
                "objective.content_layers": {"block3_conv1": 1.0},
            },
        ),
    ):
        found = estimate_and_peak(inputs, content, size, 13, **overrides)
        how = ", ".join(f"{name} {value}" for name, value in overrides.items())
        print(f"| {size} x {size} | {how} | {found} |", flush=True)


def estimate_and_peak(
    inputs: Inputs, content: Path, size: int, steps: int, **overrides: Any
) -> str:
    """Return a run's plan, its peak memory, and their ratio as cells of a table."""
    from tfstyle.engine.context import Setting

    config = StyleConfig().with_overrides(
        {
            "content.path": str(content),
            "styles": [{"path": "examples/style/swirls.jpg"}],
            "size": size,
            "precision": "bfloat16",
            "pyramid.min_size": None,
            "memory.limit_gib": 3.9,
            **overrides,
        }
    )
    limit = config.memory.limit_gib
    plan = Setting(config, inputs, config.precision, limit).plan(Scale(size, 1))
    peak = peak_gib(config, steps)
    return f"{plan} | {peak:.2f} GiB | {plan.gib / peak:.2f}"


def main() -> int:
    """Print the three tables."""
    with quiet_import():
        import tensorflow  # noqa: F401
    prepare()
    inputs = Inputs(
        square("examples/content/coffee.png"), [load_image("examples/style/swirls.jpg")]
    )
    quick = FLAGS.quick
    tile = 128 if quick else TILE
    overhead(inputs, 2 * tile, tile, 1 if quick else 5)
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "square.png"
        save_image(content, inputs.content)
        sizes = [128, 256] if quick else [512, 1024, 2048, 4096]
        by_size(inputs, content, sizes, tile)
        estimates(inputs, content, tile, tile)
    return 0


if __name__ == "__main__":
    sys.exit(command(main, USAGE))
