"""The optimization loop."""

import time
from collections.abc import Generator

from tfstyle.config import StyleConfig
from tfstyle.engine.context import choose_context
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.kept import Kept
from tfstyle.engine.stage import open_stage
from tfstyle.engine.state import State, Step
from tfstyle.objective.tiled import OnTile


def optimize(
    config: StyleConfig,
    inputs: Inputs,
    state: State | None = None,
    kept: Kept | None = None,
    on_tile: OnTile | None = None,
) -> Generator[Step, None, None]:
    """Run the optimization and yield a `Step` after each of its steps.

    This is the one loop of tfstyle: whatever watches, records or stops a run iterates
    over it.

    Args:
        config: all options.
        inputs: the pictures.
        state: where to go on, from `Step.state` of an earlier run; its step is yielded
            again.
        kept: what this run may have in common with others.
        on_tile: where a size is computed in tiles, called after each of them; what it
            raises ends the run as it was after the last step.

    Raises:
        ValueError: if the weights cannot be used, or the memory is too small.
        FloatingPointError: if no step leads to finite losses.
    """
    context, kept = choose_context(config, inputs, state), kept or Kept()
    began = time.perf_counter() - (state.seconds if state else 0.0)
    context.check_memory()
    index, taken, count = _stands(state)
    stage, reported = None, False
    while index < len(context.scales):
        stage = open_stage(kept, context, index, stage, on_tile)
        stage.begin(state)
        state = None
        if not reported:
            yield stage.report(taken, count, began)
            reported = True
        while taken < stage.steps and not stage.optimizer.converged:
            stage.optimizer.step()
            taken, count = taken + 1, count + 1
            yield stage.report(taken, count, began)
        if stage.goes_on_in_float32(taken):
            # Rounding may hide what is left to gain: take the steps that are left
            # where there is less of it.
            context = context.in_float32()
        else:
            index, taken = index + 1, 0


def _stands(state: State | None) -> tuple[int, int, int]:
    """Return the scale, the steps taken there, and the steps taken in all."""
    return (state.scale, state.scale_step, state.step) if state else (0, 0, 0)
