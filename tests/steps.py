"""Steps of a run that never was, for what watches one."""

import numpy as np
import pytest

from tfstyle.engine.state import State, Step

STEPS = 10


def make_losses(step=0, **further):
    """The losses of a step: the total falls, the others stay."""
    losses = {"total": 10.0 / (step + 1), "content": 0.25, "style": 1e-9}
    return {**losses, "variation": 2 / 3, **further}


def make_step(number, **changes):
    """Step `number` of 10, half a second each, at the second of two sizes."""
    fields = {
        "step": number,
        "scale": 1,
        "scales": 2,
        "height": 43,
        "width": 64,
        "seconds": number / 2,
        "progress": number / STEPS,
        "precision": "float32",
        "plan": None,
        "losses": make_losses(number),
        "converged": False,
        "last": number == STEPS,
        "image": lambda: np.full((4, 6, 3), number / STEPS, np.float32),
        "state": lambda: pytest.fail("nobody asked for the state"),
    }
    return Step(**(fields | changes))


def make_state(number, seconds=0.0):
    """Where a run stands after step `number`."""
    return State(
        scale=0,
        scale_step=number,
        step=number,
        seconds=seconds,
        precision="float32",
        limit_gib=4.0,
        loss_scale=1.0,
        optimizer={"image": np.zeros((1, 2, 3, 3), np.float32)},
    )


def watch(observer, numbers, **changes):
    """Show an observer these steps, and the end if it wants to know."""
    for number in numbers:
        observer(make_step(number, **changes))
    getattr(observer, "close", lambda: None)()
