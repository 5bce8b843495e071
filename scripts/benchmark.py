"""Measure tfstyle against the recipes that people use, on this machine, in one run.

    pip install '.[benchmark]' && python scripts/benchmark.py --output docs
    python scripts/benchmark.py --quick --output quick        # a few minutes

writes benchmarks.md, images/benchmark.png and images/preview.jpg into --output. What
counts is the picture that would be saved: every value is the objective of the 8-bit
picture at full size, evaluated in float32. The time that this judging takes is not
counted. --content and --style take other pictures than the samples.
"""

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.config.loading import load_config
from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import Inputs, Picture, load_inputs, size_at
from tfstyle.engine.schedule import Scale, schedule
from tfstyle.images import resize, to_uint8
from tfstyle.system.devices import fastest_precision, prepare, quiet_import
from tfstyle.vgg.layers import VGG19_LAYERS

FLAGS = flags.FLAGS
flags.DEFINE_string("output", "docs", "Folder for benchmarks.md and the plot.")
flags.DEFINE_bool("quick", False, "Small sizes and few steps: does it work?")
flags.DEFINE_string("content", None, "Photograph instead of the sample.")
flags.DEFINE_string("style", None, "Painting instead of the sample.")

CONFIGS = Path(__file__).parent.parent / "configs"


def recipe(name: str, **overrides: Any) -> StyleConfig:
    """Return the config of configs/NAME.yaml with the pictures of the flags."""
    if FLAGS.content:
        overrides["content.path"] = FLAGS.content
    if FLAGS.style:
        overrides["styles"] = [{"path": FLAGS.style}]
    return load_config(CONFIGS / f"{name}.yaml").with_overrides(overrides)


@dataclass
class Curve:
    """How the saved picture's objective falls with the seconds spent."""

    name: str
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    picture: Picture | None = None  # the last one

    def add(self, seconds: float, picture: Picture, judge: "Judge") -> None:
        """Judge a picture that was there after so many seconds."""
        self.picture = picture
        self.seconds.append(seconds)
        self.values.append(judge(picture))

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
        from tfstyle.engine.context import Setting
        from tfstyle.engine.stage import make_network, make_objective

        self.config, self.inputs = config, inputs
        scale = schedule(config.pyramid, config.size)[-1]
        self.size = size_at(scale, inputs.content)
        network = make_network(config, "float32")
        setting = Setting(config, inputs, "float32")
        self.objective = make_objective(network, setting, scale, setting.plan(scale))

    def __call__(self, picture: Picture) -> float:
        import tensorflow as tf

        saved = to_uint8(resize(picture, *self.size)) / np.float32(255)
        losses = self.objective.losses(tf.constant(saved[None], tf.float32))
        return float(losses.total)


def ours(
    name: str, config: StyleConfig, judge: Judge, until: float | None = None
) -> Curve:
    """Time a run of tfstyle, judging some of its pictures with the clock stopped.

    It ends early with the first judged picture whose value is `until` or lower.
    """
    from tfstyle.engine.loop import optimize

    curve, clock = Curve(name), 0.0
    scales = schedule(config.pyramid, config.size)
    total = sum(scale.steps for scale in scales)
    wanted = set(np.unique(np.geomspace(1, total + 1, 60).astype(int)))
    began = time.perf_counter()
    for number, step in enumerate(optimize(config, judge.inputs), start=1):
        clock += time.perf_counter() - began
        at_size = step.scale == step.scales - 1
        near = until is not None and at_size and step.losses.total <= 1.01 * until
        if number in wanted or near or step.last:
            curve.add(clock, step.image(), judge)
            if until is not None and curve.values[-1] <= until:
                break
        began = time.perf_counter()
    print(f"{name}: {clock:.1f} s, best {curve.best:.6g}, last {curve.values[-1]:.6g}")
    return curve


def plain_lbfgs(judge: Judge, steps: int) -> Curve:
    """Follow SciPy's L-BFGS without bounds: one size, float32, clipped when saved."""
    images = list(_plain_pictures(judge, steps))
    curve = Curve("plain L-BFGS, one size, float32")
    for seconds, picture in images:
        curve.add(seconds, picture, judge)
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
    tutorial = recipe("tutorial", **{"size": size, "pyramid.steps": [steps]})
    default = recipe("default", size=size)
    inputs = load_inputs(default)
    rows, curves = [], []
    theirs = ours(f"tutorial, {steps} Adam steps", tutorial, Judge(tutorial, inputs))
    longer = {"pyramid.steps": [60, 60, steps], "optimizer.tolerance": 0}
    mixed = default.with_overrides(
        {
            "objective": tutorial.objective.model_dump(),
            "extractor": tutorial.extractor.model_dump(),
            **longer,
        }
    )
    for title, config in (("the tutorial's", mixed), ("ours", default)):
        judge = Judge(config, inputs)
        target = judge(theirs.picture)
        curve = ours(f"tfstyle on {title}", config, judge, until=target)
        reached = curve.seconds_to(target)
        rows.append(
            f"| {title} | {target:.5g} | {theirs.seconds[-1]:.0f} s | {reached:.1f} s "
            f"| {theirs.seconds[-1] / reached:.1f} x |"
        )
        print(rows[-1])
        if config is mixed:
            curves = [theirs, curve]
    return rows, curves


def against_neural_style(size: int, steps: int) -> tuple[list[str], list[Curve]]:
    """(b) Neural-style's objective: plain L-BFGS of one size, and ours."""
    theirs = recipe("neural_style", **{"size": size, "objective.tv_weight": 0})
    inputs = load_inputs(theirs)
    judge = Judge(theirs, inputs)
    plain = plain_lbfgs(judge, steps)
    config = theirs.with_overrides(
        {"pyramid": StyleConfig().pyramid.model_dump(), "precision": "auto"}
    )
    curve = ours("tfstyle, its default schedule", config, judge)
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
    from tfstyle.engine.context import Setting
    from tfstyle.engine.stage import make_network, make_objective, to_tensor

    scale, setting = Scale(config.size, 1), Setting(config, inputs, precision)
    network = make_network(config, precision)
    objective = make_objective(network, setting, scale, setting.plan(scale))
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
    """(c) and (d): seconds of a step, its floor, both precisions, memory, by size."""
    config = recipe("default")
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


def peak_gib(config: StyleConfig, steps: int = 2) -> float:
    """Return the peak memory of a short run, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(config.to_yaml(), encoding="utf-8")
        flags_ = ["--output", folder + "/run", "--set", f"pyramid.steps=[{steps}]"]
        tfstyle("--config", str(path), *flags_)
        record = json.loads((Path(folder) / "run/run.json").read_text("utf-8"))
    return float(record["peak_memory_gib"])


def tfstyle(*arguments: str) -> float:
    """Run the command in a process of its own and return its seconds."""
    began = time.perf_counter()
    command_line = [sys.executable, "-m", "tfstyle.run", *arguments]
    subprocess.run(command_line, check=True, capture_output=True)
    return time.perf_counter() - began


def start_up() -> list[str]:
    """(e) Seconds of --help, of a plan, of the smoke config, and of `auto`'s choice."""
    with tempfile.TemporaryDirectory() as folder:
        smoke = ["--config", str(CONFIGS / "smoke.yaml"), "--output", folder]
        rows = [
            f"| `--help` | {tfstyle('--help'):.2f} s |",
            f"| `--dry_run` | {tfstyle(*smoke, '--dry_run'):.2f} s |",
            f"| all of `configs/smoke.yaml` | {tfstyle(*smoke):.2f} s |",
        ]
    began = time.perf_counter()
    chosen = fastest_precision()
    seconds = time.perf_counter() - began
    return [*rows, f"| choosing the precision ({chosen}) | {seconds:.2f} s |"]


def previews(small: int, large: int, path: Path) -> list[str]:
    """How well a small result predicts the large one, with and without coarse sizes."""
    import tensorflow as tf

    rows, pictures = [], []
    coarse_to_fine = recipe("default")
    one_size = recipe("default", pyramid={"min_size": None, "steps": [100]})
    for title, config in (
        ("coarse to fine", coarse_to_fine),
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
    from tfstyle.engine.loop import finish, optimize

    config = config.with_overrides({"size": size})
    *_, last = optimize(config, load_inputs(config))
    return finish(last).image


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


def pyplot() -> Any:
    """Import Matplotlib for drawing into files."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def plot(curves: dict[str, list[Curve]], path: Path) -> None:
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


PAGE = """\
# Benchmarks

Made by `python scripts/benchmark.py` on {machine}, {date}.
Times are of this machine; what carries over are the ratios. Every value is the float32
objective of the 8-bit picture that would be saved, at the final size.

![Objective against seconds](images/benchmark.png)

## Against TensorFlow's tutorial ({size} px, {steps} Adam steps, float32)

Seconds until our picture is as good as the tutorial's last one: on our objective with
the default config, on the tutorial's with steps of [60, 60, {steps}] until it is.

| objective | tutorial's last | tutorial | tfstyle | faster |
|---|---|---|---|---|
{tutorial}

## On neural-style's objective ({plain_size} px, content start, {steps} plain steps)

| | best saved | when | last saved | in all |
|---|---|---|---|---|
{neural}

## A step against its floor, and against the size

The floor is the counted floating-point operations (convolutions forward and back, Gram
matrices) at the measured rate of a large float32 matrix product. It is no hard bound:
oneDNN may choose an algorithm with fewer multiplications. Memory is the peak of a run
of two steps at each size up to this one.

| size | floor | float32 | over floor | bfloat16 | float32 / bfloat16 | peak memory |
|---|---|---|---|---|---|---|
{floor}

## A preview of the large picture

Similarity (SSIM, 1 is the same) of the {small} px result to the {large} px result
scaled down to it.

| | SSIM |
|---|---|
{previews}

![Results at {small} px beside larger ones scaled down](images/preview.jpg)

## Start-up

| | |
|---|---|
{start}
"""


def main() -> int:
    """Run all parts and write the page."""
    quick, output = FLAGS.quick, Path(FLAGS.output)
    images = output / "images"
    images.mkdir(parents=True, exist_ok=True)
    with quiet_import():
        import tensorflow  # noqa: F401
    prepare()
    size, plain_size, steps = (96, 96, 30) if quick else (512, 384, 1000)
    small, large = (128, 256) if quick else (256, 1024)
    parts = {
        "start": start_up(),
        "floor": against_floor((64, 96) if quick else (128, 256, 512, 1024)),
    }
    parts["tutorial"], first = against_tutorial(size, steps)
    parts["neural"], second = against_neural_style(plain_size, steps)
    parts["previews"] = previews(small, large, images / "preview.jpg")
    plot(
        {"the tutorial's objective": first, "neural-style's objective": second},
        images / "benchmark.png",
    )
    page = PAGE.format(
        machine=f"{processor()}, {os.cpu_count()} cores",
        date=time.strftime("%Y-%m-%d"),
        **{"size": size, "plain_size": plain_size, "steps": steps},
        **{"small": small, "large": large},
        **{name: "\n".join(rows) for name, rows in parts.items()},
    )
    (output / "benchmarks.md").write_text(page, encoding="utf-8")
    print(output / "benchmarks.md")
    return 0


def processor() -> str:
    """Return the processor's name where the system tells, else its kind."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
