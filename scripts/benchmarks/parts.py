"""The parts of docs/benchmarks.md: each returns the rows of its table."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.curves import Curve, Judge, plain_curve, tfstyle_curve
from benchmarks.drawing import draw_pictures
from benchmarks.recipes import CONFIGS, recipe
from benchmarks.steps import (
    command_seconds,
    floating_point_operations,
    matrix_rate,
    peak_gib,
    step_seconds,
)
from tfstyle.api import transfer
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import size_at
from tfstyle.engine.schedule import Scale
from tfstyle.images import Picture, resize
from tfstyle.runs.inputs import load_inputs
from tfstyle.system.precision import fastest_precision


def against_tutorial(size: int, steps: int) -> tuple[list[str], list[Curve]]:
    """Measure the time to the tutorial's last picture, on both objectives."""
    tutorial = recipe("tutorial", **{"size": size, "pyramid.steps": [steps]})
    classic = recipe("classic", size=size)
    inputs = load_inputs(classic)
    name = f"tutorial, {steps} Adam steps"
    theirs = tfstyle_curve(name, tutorial, Judge(tutorial, inputs))
    mixed = classic.with_overrides(
        {
            "objective": tutorial.objective.model_dump(),
            "extractor": tutorial.extractor.model_dump(),
            "pyramid.steps": [60, 60, steps],
            "optimizer.tolerance": 0,
        }
    )
    rows, curves = [], []
    for title, config in (("the tutorial's", mixed), ("ours", classic)):
        judge = Judge(config, inputs)
        target = judge(theirs.picture)
        curve = tfstyle_curve(f"tfstyle on {title}", config, judge, until=target)
        reached = curve.seconds_to(target)
        rows.append(
            f"| {title} | {target:.5g} | {theirs.seconds[-1]:.0f} s | {reached:.1f} s "
            f"| {theirs.seconds[-1] / reached:.1f} x |"
        )
        print(rows[-1])
        curves.append(curve)
    return rows, [theirs, curves[0]]


def against_neural_style(size: int, steps: int) -> tuple[list[str], list[Curve]]:
    """Compare plain L-BFGS of one size with ours on neural-style's objective."""
    theirs = recipe("neural_style", **{"size": size, "objective.tv_weight": 0})
    judge = Judge(theirs, load_inputs(theirs))
    plain = plain_curve(judge, steps)
    config = theirs.with_overrides(
        {"pyramid": StyleConfig().pyramid.model_dump(), "precision": "auto"}
    )
    curve = tfstyle_curve("tfstyle, its schedule", config, judge)
    when_best = plain.seconds[int(np.argmin(plain.values))]
    reached = curve.seconds_to(plain.best)
    faster = f"{reached:.1f} s to plain's best, {when_best / reached:.1f} x faster"
    last = f"{curve.values[-1]:.5g}, {1 - curve.values[-1] / plain.best:.0%} lower"
    rows = [
        f"| plain L-BFGS | {plain.best:.5g} | {when_best:.0f} s "
        f"| {plain.values[-1]:.5g} | {plain.seconds[-1]:.0f} s |",
        f"| tfstyle | {curve.best:.5g} | {faster} | {last} "
        f"| {curve.seconds[-1]:.0f} s |",
    ]
    return rows, [plain, curve]


def against_floor(sizes: Sequence[int]) -> list[str]:
    """Measure a step, its floor, both precisions and the memory, by size."""
    config = recipe("classic")
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
            f"| {half:.3f} s | {full / half:.2f} | {peak_gib(config):.2f} GiB |"
        )
        print(rows[-1])
    return [*rows, "", f"The measured matrix product: {rate / 1e9:.0f} GFLOP/s."]


def start_up() -> list[str]:
    """Measure --help, a plan, the smoke config, and the choice of the precision."""
    with tempfile.TemporaryDirectory() as folder:
        smoke = ["--config", str(CONFIGS / "smoke.yaml"), "--output", folder]
        rows = [
            f"| `--help` | {command_seconds('--help'):.2f} s |",
            f"| `--dry_run` | {command_seconds(*smoke, '--dry_run'):.2f} s |",
            f"| all of `configs/smoke.yaml` | {command_seconds(*smoke):.2f} s |",
        ]
    began = time.perf_counter()
    chosen = fastest_precision()
    seconds = time.perf_counter() - began
    return [*rows, f"| choosing the precision ({chosen}) | {seconds:.2f} s |"]


def previews(small: int, large: int, path: Path) -> list[str]:
    """Measure how well a small result predicts the large one, and draw them.

    With coarse sizes first, and without.
    """
    import tensorflow as tf

    rows, pictures = [], []
    one_size = recipe("classic", pyramid={"min_size": None, "steps": [100]})
    for title, config in (
        ("coarse to fine", recipe("classic")),
        ("one size, 100 steps", one_size),
    ):
        preview = render(config, small)
        scaled = resize(render(config, large), *preview.shape[:2])
        similarity = float(tf.image.ssim(preview[None], scaled[None], 1.0)[0])
        rows.append(f"| {title} | {similarity:.3f} |")
        print(rows[-1])
        pictures += [
            (f"{title}: {small} px", preview),
            (f"{large} px scaled down, SSIM {similarity:.3f}", scaled),
        ]
    draw_pictures(pictures, path)
    return rows


def render(config: StyleConfig, size: int) -> Picture:
    """Return the result of a run at that size."""
    config = config.with_overrides({"size": size})
    for step in transfer(config, load_inputs(config)):
        if step.last:
            picture = step.image()
    return picture
