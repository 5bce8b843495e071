"""Measure tfstyle against the recipes that people use, on this machine, in one run.

    pip install '.[benchmark]' && python scripts/benchmark.py --output docs
    python scripts/benchmark.py --quick --output quick        # a few minutes

writes benchmarks.md and images/benchmark.png into --output. What counts is the picture
that would be saved: every value is the objective of the 8-bit picture at full size,
evaluated in float32. The time that this judging takes is not counted.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tfstyle.command import command
from tfstyle.config import VGG19_LAYERS, StyleConfig, load_config
from tfstyle.device import quiet_import
from tfstyle.images import resize, to_uint8
from tfstyle.inputs import Inputs, Picture, load_inputs, size_at
from tfstyle.pyramid import Scale, schedule

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "docs", "Folder for benchmarks.md and the plot.")
flags.DEFINE_bool("quick", False, "Small sizes and few steps: does it work?")

CONFIGS = Path(__file__).parent.parent / "configs"
ONE_SCALE = {"pyramid": {"min_size": None}}


@dataclass
class Curve:
    """How the saved picture's objective falls with the seconds spent."""

    name: str
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    picture: Picture | None = None  # the last one

    def seconds_to(self, value: float) -> float:
        """Return when the value was first reached, infinity if never."""
        reached = [
            s for s, v in zip(self.seconds, self.values, strict=True) if v <= value
        ]
        return reached[0] if reached else float("inf")

    @property
    def best(self) -> float:
        """The lowest value that any of its pictures had."""
        return min(self.values)


class Judge:
    """The float32 objective of the picture that would be saved, at the final size."""

    def __init__(self, config: StyleConfig, inputs: Inputs) -> None:
        from tfstyle.transfer import make_network, make_objective

        self.config, self.inputs = config, inputs
        scale = schedule(config.pyramid, config.size)[-1]
        self.size = size_at(scale, inputs.content)
        network = make_network(config, "float32")
        self.objective = make_objective(network, config, inputs, scale, "float32")

    def __call__(self, picture: Picture) -> float:
        import tensorflow as tf

        saved = to_uint8(resize(picture, *self.size)) / np.float32(255)
        losses = self.objective.losses(tf.constant(saved[None], tf.float32))
        return float(losses.total)


def follow(
    name: str, pictures: Iterator[Callable[[], Picture]], judge: Judge, total: int
) -> Curve:
    """Time an iterator of pictures, judging some of them with the clock stopped."""
    curve, clock = Curve(name), 0.0
    wanted = set(np.unique(np.geomspace(1, total + 1, 60).astype(int)))
    began = time.perf_counter()
    for number, picture in enumerate(pictures, start=1):
        clock += time.perf_counter() - began
        if number in wanted:
            curve.picture = picture()
            curve.seconds.append(clock)
            curve.values.append(judge(curve.picture))
        began = time.perf_counter()
    curve.picture = picture()
    curve.seconds.append(clock)
    curve.values.append(judge(curve.picture))
    print(f"{name}: {clock:.1f} s, best {curve.best:.6g}, last {curve.values[-1]:.6g}")
    return curve


def ours(name: str, config: StyleConfig, inputs: Inputs, judge: Judge) -> Curve:
    """Follow a run of tfstyle."""
    from tfstyle.transfer import optimize

    scales = schedule(config.pyramid, config.size)
    steps = (step.image for step in optimize(config, inputs))
    return follow(name, steps, judge, sum(scale.steps for scale in scales))


def plain_lbfgs(judge: Judge, steps: int) -> Curve:
    """Follow SciPy's L-BFGS without bounds: one size, float32, clipped when saved."""
    images = list(_plain_pictures(judge, steps))
    curve = Curve("plain L-BFGS, one size, float32")
    for seconds, picture in images:
        curve.seconds.append(seconds)
        curve.values.append(judge(picture))
    curve.picture = images[-1][1]
    print(f"{curve.name}: {curve.seconds[-1]:.1f} s, best {curve.best:.6g}")
    return curve


def _plain_pictures(judge: Judge, steps: int) -> list[tuple[float, Picture]]:
    import tensorflow as tf
    from scipy.optimize import minimize

    shape = (1, *judge.size, 3)
    wanted = set(np.unique(np.geomspace(1, steps, 40).astype(int)))
    kept: list[tuple[float, Picture]] = []
    number = 0
    began = time.perf_counter()

    def evaluate(pixels: np.ndarray) -> tuple[float, np.ndarray]:
        image = tf.constant(pixels.reshape(shape), tf.float32)
        losses, gradient = judge.objective.value_and_gradient(image)
        return float(losses.total), gradient.numpy().ravel().astype(np.float64)

    def keep(pixels: np.ndarray) -> None:
        nonlocal number
        number += 1
        if number in wanted:
            picture = np.clip(pixels.reshape(shape[1:]), 0, 1).astype(np.float32)
            kept.append((time.perf_counter() - began, picture))

    start = resize(judge.inputs.content, *judge.size)
    options = {"maxiter": steps, "maxfun": 10**6, "ftol": 0, "gtol": 0, "maxcor": 100}
    minimize(
        *(evaluate, start.ravel().astype(np.float64)),
        jac=True,
        method="L-BFGS-B",
        callback=keep,
        options=options,
    )
    return kept


def against_tutorial(size: int, steps: int) -> tuple[list[str], list[Curve]]:
    """(a) Time to the objective of the tutorial's last picture, on both objectives."""
    tutorial = load_config(CONFIGS / "tutorial.yaml").with_overrides(
        {"size": size, "precision": "float32", "pyramid.steps": [steps]}
    )
    default = load_config(CONFIGS / "default.yaml").with_overrides({"size": size})
    inputs = load_inputs(default)
    rows, curves = [], []
    theirs = ours(
        "tutorial, 1000 Adam steps", tutorial, inputs, Judge(tutorial, inputs)
    )
    mixed = default.with_overrides(
        {
            "objective": tutorial.objective.model_dump(),
            "extractor": tutorial.extractor.model_dump(),
        }
    )
    for title, config in (("the tutorial's objective", mixed), ("ours", default)):
        judge = Judge(config, inputs)
        target = judge(theirs.picture)
        curve = ours(f"tfstyle on {title}", config, inputs, judge)
        reached = curve.seconds_to(target)
        rows.append(
            f"| {title} | {target:.5g} | {theirs.seconds[-1]:.0f} s | {reached:.1f} s "
            f"| {theirs.seconds[-1] / reached:.1f} x | {curve.values[-1]:.5g} |"
        )
        if config is mixed:
            curves = [theirs, curve]
    return rows, curves


def against_neural_style(size: int, steps: int) -> tuple[list[str], list[Curve]]:
    """(b) Neural-style's objective: plain L-BFGS of one size, and ours."""
    recipe = load_config(CONFIGS / "neural_style.yaml").with_overrides(
        {"size": size, "objective.tv_weight": 0, "precision": "float32"}
    )
    inputs = load_inputs(recipe)
    judge = Judge(recipe, inputs)
    plain = plain_lbfgs(judge, steps)
    default = StyleConfig()
    config = recipe.with_overrides(
        {"pyramid": default.pyramid.model_dump(), "precision": "auto"}
    )
    curve = ours("tfstyle, its default schedule", config, inputs, judge)
    when_best = plain.seconds[int(np.argmin(plain.values))]
    reached = curve.seconds_to(plain.best)
    lower = 1 - curve.values[-1] / plain.best
    faster = f"{reached:.1f} s to plain's best, {when_best / reached:.1f} x faster"
    last = f"{curve.values[-1]:.5g}, {lower:.0%} lower"
    rows = [
        f"| plain L-BFGS | {plain.best:.5g} | {when_best:.0f} s "
        f"| {plain.values[-1]:.5g} | {plain.seconds[-1]:.0f} s |",
        f"| tfstyle | {curve.best:.5g} | {faster} | {last} "
        f"| {curve.seconds[-1]:.0f} s |",
    ]
    return rows, [plain, curve]


def step_seconds(config: StyleConfig, inputs: Inputs, precision: str) -> float:
    """Return the seconds of one value and gradient, the fastest of several."""
    from tfstyle.transfer import make_network, make_objective, to_tensor

    scale = Scale(config.size, 1)
    network = make_network(config, precision)
    objective = make_objective(network, config, inputs, scale, precision)
    image = to_tensor(resize(inputs.content, *size_at(scale, inputs.content)))
    times = []
    for _ in range(6):
        began = time.perf_counter()
        float(objective.value_and_gradient(image)[0].total)
        times.append(time.perf_counter() - began)
    return min(times)


def floating_point_operations(layers: Sequence[str], height: int, width: int) -> float:
    """Count a step: convolutions forward and back to the image, Gram matrices twice."""
    total, channels = 0.0, 3
    for name in VGG19_LAYERS[: VGG19_LAYERS.index(layers[-1]) + 1]:
        if name.endswith("pool"):
            height, width = height // 2, width // 2
            continue
        filters = min(64 << (int(name[5]) - 1), 512)
        total += 2 * 2 * 9 * channels * filters * height * width
        if name in layers and name.endswith("conv1"):
            total += 2 * 2 * filters**2 * height * width
        channels = filters
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


def against_floor(sizes: Sequence[int]) -> list[str]:
    """(c) and (d): seconds of a step, its floor, and both precisions, by size."""
    config = load_config(CONFIGS / "default.yaml")
    inputs = load_inputs(config)
    rate, rows = matrix_rate(), []
    for size in sizes:
        config = config.with_overrides({"size": size})
        height, width = size_at(Scale(size, 1), inputs.content)
        floor = floating_point_operations(config.objective.layers, height, width) / rate
        full = step_seconds(config, inputs, "float32")
        half = step_seconds(config, inputs, "bfloat16")
        rows.append(
            f"| {width} x {height} | {floor:.3f} s | {full:.3f} s | {full / floor:.2f} "
            f"| {half:.3f} s | {full / half:.2f} |"
        )
        print(rows[-1])
    return [*rows, "", f"Measured matrix product: {rate / 1e9:.0f} GFLOP/s."]


def start_up() -> list[str]:
    """(e) Seconds of --help, of a plan, and of the smoke config."""
    rows = []
    common = [sys.executable, "-m", "tfstyle.run"]
    with tempfile.TemporaryDirectory() as folder:
        smoke = ["--config", str(CONFIGS / "smoke.yaml"), "--output", folder]
        for title, arguments in (
            ("`--help`", ["--help"]),
            ("`--dry_run`", [*smoke, "--dry_run"]),
            ("`configs/smoke.yaml`", smoke),
        ):
            began = time.perf_counter()
            subprocess.run(common + arguments, check=True, capture_output=True)
            rows.append(f"| {title} | {time.perf_counter() - began:.2f} s |")
    return rows


def plot(curves: dict[str, list[Curve]], path: Path) -> None:
    """Draw the objective against seconds, both logarithmic, a panel per comparison."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(11, 4.5), squeeze=False)
    for axis, (title, group) in zip(axes[0], curves.items(), strict=True):
        for curve in group:
            axis.loglog(curve.seconds, curve.values, label=curve.name, linewidth=2)
        axis.set(title=title, xlabel="seconds", ylabel="objective of the saved picture")
        axis.grid(alpha=0.3, which="both")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


PAGE = """\
# Benchmarks

Made by `python scripts/benchmark.py` on {machine}, {date}. Times are of this machine;
what carries over are the ratios. Every value is the float32 objective of the 8-bit
picture that would be saved, at the final size.

![Objective against seconds](images/benchmark.png)

## Against TensorFlow's tutorial ({size} px, {steps} Adam steps, float32)

Seconds until our picture is as good as the tutorial's last one.

| objective | tutorial's last | tutorial | tfstyle | faster | tfstyle's last |
|---|---|---|---|---|---|
{tutorial}

## On neural-style's objective ({plain_size} px, content start, {steps} plain steps)

| | best saved | when | last saved | in all |
|---|---|---|---|---|
{neural}

## A step against its floor, and against the size

The floor is the counted floating-point operations (convolutions forward and back, Gram
matrices) at the measured rate of a large float32 matrix product.

| size | floor | float32 | over floor | bfloat16 | float32 / bfloat16 |
|---|---|---|---|---|---|
{floor}

## Start-up

| | |
|---|---|
{start}
"""


def main() -> int:
    """Run all parts and write the page."""
    quick = FLAGS.quick
    output = Path(FLAGS.output)
    (output / "images").mkdir(parents=True, exist_ok=True)
    with quiet_import():
        import tensorflow  # noqa: F401
    size, plain_size, steps = (96, 96, 30) if quick else (512, 384, 1000)
    sizes = (64, 96) if quick else (128, 256, 512, 1024)
    parts: dict[str, Any] = {"start": start_up(), "floor": against_floor(sizes)}
    parts["tutorial"], first = against_tutorial(size, steps)
    parts["neural"], second = against_neural_style(plain_size, steps)
    plot(
        {"the tutorial's objective": first, "neural-style's objective": second},
        output / "images" / "benchmark.png",
    )
    page = PAGE.format(
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        date=time.strftime("%Y-%m-%d"),
        size=size,
        plain_size=plain_size,
        steps=steps,
        **{name: "\n".join(rows) for name, rows in parts.items()},
    )
    (output / "benchmarks.md").write_text(page, encoding="utf-8")
    print(output / "benchmarks.md")
    return 0


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
