"""Seconds, operations and memory of single steps, and of whole commands."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.schedule import Scale
from tfstyle.vgg.layers import down_to

if TYPE_CHECKING:
    from tfstyle.engine.plan import Plan
    from tfstyle.objective.base import Objective


def make_objective(
    config: StyleConfig,
    inputs: Inputs,
    scale: Scale,
    precision: str,
    plan: "Plan | None" = None,
) -> "Objective":
    """Return the objective of one size, by default of the whole picture."""
    from tfstyle.engine.context import Context
    from tfstyle.engine.kept import Kept

    context = Context(config, inputs, precision)
    return Kept().objective(context, scale, plan or context.plan(scale))


def evaluation(
    config: StyleConfig,
    inputs: Inputs,
    size: int,
    precision: str,
    plan: "Plan | None" = None,
) -> Callable[[], float]:
    """Return a function that computes value and gradient once, and tells the seconds.

    The graph is traced already.
    """
    from tfstyle.engine.kept import to_tensor
    from tfstyle.engine.scaled import ScaledInputs

    scale = Scale(size, 1)
    objective = make_objective(config, inputs, scale, precision, plan)
    image = to_tensor(ScaledInputs(config, inputs, scale).content)

    def evaluate() -> float:
        began = time.perf_counter()
        float(objective.value_and_gradient(image)[0][0])
        return time.perf_counter() - began

    evaluate()
    return evaluate


def step_seconds(config: StyleConfig, inputs: Inputs, precision: str) -> float:
    """Return the seconds of one value and gradient, the fastest of five."""
    evaluate = evaluation(config, inputs, config.size, precision)
    return min(evaluate() for _ in range(5))


def floating_point_operations(layers: Sequence[str], height: int, width: int) -> float:
    """Count a step: convolutions forward and back to the image, Gram matrices twice."""
    total, channels = 0.0, 3
    for layer in down_to(layers):
        if layer.pools:
            continue
        positions = (height // layer.stride) * (width // layer.stride)
        total += 2 * 2 * 9 * channels * layer.channels * positions
        if layer.name in layers and layer.name.endswith("conv1"):
            total += 2 * 2 * layer.channels**2 * positions
        channels = layer.channels
    return total


def matrix_rate() -> float:
    """Return the floating-point operations per second of a float32 matrix product."""
    import tensorflow as tf

    side = 2048
    matrix = tf.random.stateless_normal((side, side), seed=(0, 0))
    times = []
    for _ in range(8):
        began = time.perf_counter()
        float(tf.matmul(matrix, matrix)[0, 0])
        times.append(time.perf_counter() - began)
    return 2 * side**3 / min(times)


def peak_gib(config: StyleConfig, steps: int = 2) -> float:
    """Return the peak memory of a short run, in GiB, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config.to_yaml(), encoding="utf-8")
        options = ["--output", f"{folder}/run", "--set", f"pyramid.steps=[{steps}]"]
        command_seconds("--config", str(path), *options)
        record = json.loads((Path(folder) / "run/run.json").read_text("utf-8"))
    return float(record["peak_memory_gib"])


def command_seconds(*arguments: str) -> float:
    """Run tfstyle's command in a process of its own and return its seconds."""
    began = time.perf_counter()
    command_line = [sys.executable, "-m", "tfstyle.run", *arguments]
    subprocess.run(command_line, check=True, capture_output=True)
    return time.perf_counter() - began
