"""How the objective of the saved picture falls with the seconds that were spent."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tfstyle.api import transfer
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs, size_at
from tfstyle.engine.schedule import schedule
from tfstyle.images import Picture, resize, to_uint8


class Judge:
    """The float32 objective of the picture that would be saved, at the final size."""

    def __init__(self, config: StyleConfig, inputs: Inputs) -> None:
        from benchmarks.steps import make_objective

        scale = schedule(config.pyramid, config.size)[-1]
        self.config, self.inputs = config, inputs
        self.size = size_at(scale, inputs.content)
        self.objective = make_objective(config, inputs, scale, "float32")

    def __call__(self, picture: Picture) -> float:
        from tfstyle.engine.kept import to_tensor

        saved = to_uint8(resize(picture, *self.size)) / np.float32(255)
        return self.objective.losses(to_tensor(saved))["total"]


@dataclass
class Curve:
    """How the saved picture's objective falls with the seconds spent."""

    name: str
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    picture: Picture | None = None  # the last one

    def add(self, seconds: float, picture: Picture, judge: Judge) -> None:
        """Judge a picture that was there after so many seconds."""
        self.picture = picture
        self.seconds.append(seconds)
        self.values.append(judge(picture))

    def seconds_to(self, value: float) -> float:
        """Return when the value was first reached, infinity if never."""
        times = zip(self.seconds, self.values, strict=True)
        return next((s for s, v in times if v <= value), float("inf"))

    @property
    def best(self) -> float:
        """The lowest value that any of its pictures had."""
        return min(self.values)


def tfstyle_curve(
    name: str, config: StyleConfig, judge: Judge, until: float | None = None
) -> Curve:
    """Time a run of tfstyle, judging some of its pictures with the clock stopped.

    It ends early with the first judged picture whose value is `until` or lower.
    """
    curve, clock = Curve(name), 0.0
    steps = sum(scale.steps for scale in schedule(config.pyramid, config.size))
    wanted = some_steps(1 + steps, 60)  # the first is the start
    began = time.perf_counter()
    for number, step in enumerate(transfer(config, judge.inputs), start=1):
        clock += time.perf_counter() - began
        at_size = step.scale == step.scales - 1
        near = until is not None and at_size and step.losses["total"] <= 1.01 * until
        if number in wanted or near or step.last:
            curve.add(clock, step.image(), judge)
            if until is not None and curve.values[-1] <= until:
                break
        began = time.perf_counter()
    print(f"{name}: {clock:.1f} s, best {curve.best:.6g}, last {curve.values[-1]:.6g}")
    return curve


def plain_curve(judge: Judge, steps: int) -> Curve:
    """Follow SciPy's L-BFGS without bounds: one size, float32, clipped when saved."""
    kept: list[tuple[float, Picture]] = []
    wanted, number, began = some_steps(steps, 40), 0, time.perf_counter()

    def keep(picture: Picture) -> None:
        nonlocal number
        number += 1
        if number in wanted:
            kept.append((time.perf_counter() - began, picture))

    minimize_plainly(judge, steps, keep)
    curve = Curve("plain L-BFGS, one size, float32")
    for seconds, picture in kept:
        curve.add(seconds, picture, judge)
    print(f"{curve.name}: {curve.seconds[-1]:.1f} s, best {curve.best:.6g}")
    return curve


def minimize_plainly(
    judge: Judge, steps: int, keep: Callable[[Picture], object]
) -> None:
    """Minimize the judge's objective by SciPy's L-BFGS, from the content image.

    Args:
        judge: has the objective.
        steps: of the optimizer.
        keep: called with the picture of each, clipped to [0, 1].
    """
    from scipy.optimize import minimize

    from tfstyle.engine.kept import to_tensor

    shape = (*judge.size, 3)

    def evaluate(pixels: np.ndarray) -> tuple[float, np.ndarray]:
        image = to_tensor(pixels.reshape(shape))
        losses, gradient = judge.objective.value_and_gradient(image)
        return float(losses[0]), gradient.numpy().ravel().astype(np.float64)

    minimize(
        *(evaluate, resize(judge.inputs.content, *judge.size).ravel().astype(float)),
        jac=True,
        method="L-BFGS-B",
        callback=lambda x: keep(np.clip(x.reshape(shape), 0, 1).astype(np.float32)),
        options={
            "maxiter": steps,
            "maxfun": 10**6,
            "ftol": 0,
            "gtol": 0,
            "maxcor": 100,
        },
    )


def some_steps(last: int, count: int) -> set[int]:
    """Return up to `count` of the numbers 1 ... `last`, denser at the beginning."""
    return {int(number) for number in np.geomspace(1, last, count)}
