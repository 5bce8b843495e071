"""Measure tfstyle against the recipes that people use, on this machine, in one run.

    pip install '.[benchmark]' && python scripts/benchmark.py --output docs
    python scripts/benchmark.py --quick --output quick        # a few minutes

writes benchmarks.md, images/benchmark.png and images/preview.jpg into --output. What
counts is the picture that would be saved: every value is the objective of the 8-bit
picture at full size, evaluated in float32. The time that this judging takes is not
counted. --content and --style take other images than the samples.
"""

import contextlib
import os
import platform
import sys
import time
from pathlib import Path

from absl import flags
from benchmarks.drawing import draw_curves
from benchmarks.parts import (
    against_floor,
    against_neural_style,
    against_tutorial,
    previews,
    start_up,
)

from tfstyle.cli.command import command
from tfstyle.cli.output import output_folder
from tfstyle.system.devices import prepared
from tfstyle.system.quiet import require_tensorflow

FLAGS = flags.FLAGS
flags.DEFINE_string("output", None, "Folder for page and pictures; by default docs.")
flags.DEFINE_bool("quick", False, "Small sizes and few steps: does it work?")
flags.DEFINE_string("content", None, "Content image instead of the sample.")
flags.DEFINE_string("style", None, "Style image instead of the sample.")

PAGE = """\
# Benchmarks

Made by `python scripts/benchmark.py` on {machine}, {date}.
Times are of this machine; what carries over are the ratios. Every value is the float32
objective of the 8-bit picture that would be saved, at the final size.

![Objective against seconds](images/benchmark.png)

## Against TensorFlow's tutorial ({size} px, {steps} Adam steps, float32)

Seconds until our picture is as good as the tutorial's last one: on our objective with
configs/classic.yaml, on the tutorial's with steps of [60, 60, {steps}] until it is.

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
scaled down to it, with configs/classic.yaml.

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
    output = output_folder("docs")
    (output / "images").mkdir(parents=True, exist_ok=True)
    require_tensorflow()
    with prepared():
        text = measure(output / "images", FLAGS.quick)
    (output / "benchmarks.md").write_text(text, encoding="utf-8")
    print(output / "benchmarks.md")
    return 0


def measure(images: Path, quick: bool) -> str:
    """Run all parts, draw their pictures into a folder, and return the page."""
    size, plain_size, steps = (96, 96, 30) if quick else (512, 384, 1000)
    small, large = (128, 256) if quick else (256, 1024)
    parts = {
        "start": start_up(),
        "floor": against_floor((64, 96) if quick else (128, 256, 512, 1024)),
    }
    parts["tutorial"], first = against_tutorial(size, steps)
    parts["neural"], second = against_neural_style(plain_size, steps)
    parts["previews"] = previews(small, large, images / "preview.jpg")
    draw_curves(
        {"the tutorial's objective": first, "neural-style's objective": second},
        images / "benchmark.png",
    )
    return PAGE.format(
        machine=f"{processor()}, {os.cpu_count()} cores",
        date=time.strftime("%Y-%m-%d"),
        **{"size": size, "plain_size": plain_size, "steps": steps},
        **{"small": small, "large": large},
        **{name: "\n".join(rows) for name, rows in parts.items()},
    )


def processor() -> str:
    """Return the processor's name where the system tells, else its kind."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
