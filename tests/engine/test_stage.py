"""tfstyle.engine.stage: one size under way, and what is said of it."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from small_runs import TINY, make_config, make_inputs, run

from tfstyle.engine.context import Context
from tfstyle.engine.stage import open_stage


@pytest.fixture
def begun(tiny_kept, photo, painting):
    """A stage of three steps, evaluated at its start, with its context."""
    context = Context(make_config(TINY), make_inputs(photo, painting), "float32")
    stage = open_stage(tiny_kept, context, 0, None, None)
    stage.begin(None)
    return stage


class TestReport:
    def test_is_of_this_very_step(self, begun):
        first = begun.report(0, 0, 0.0)
        image = first.image()
        begun.optimizer.step()
        second = begun.report(1, 1, 0.0)
        assert (first.step, second.step) == (0, 1)
        assert second.losses["total"] < first.losses["total"]
        assert not np.array_equal(second.image(), image)

    def test_its_losses_stay_when_the_run_goes_on(self, begun):
        first = begun.report(0, 0, 0.0)
        before = dict(first.losses)
        begun.optimizer.step()
        assert first.losses == before

    def test_a_state_that_is_asked_for_late_counts_the_step_in_between(
        self, begun, tiny_kept
    ):
        """An interrupt may come after a step and before its report."""
        report = begun.report(0, 0, 0.0)
        begun.optimizer.step()
        state = report.state()
        assert (state.step, state.scale_step) == (1, 1)
        config, inputs = begun.context.config, begun.context.inputs
        resumed, whole = (
            run(config, inputs, tiny_kept, each) for each in (state, None)
        )
        assert [step.step for step, _, _ in resumed] == [1, 2, 3]
        assert resumed[-1][1].tobytes() == whole[-1][1].tobytes()


class TestGoesOnInFloat32:
    @pytest.mark.parametrize(
        ("retry", "converged", "taken", "expected"),
        [
            (True, True, 2, True),
            (True, True, 3, False),
            (True, False, 2, False),
            (False, True, 2, False),
        ],
    )
    def test_if_it_converged_with_steps_left(
        self, begun, retry, converged, taken, expected
    ):
        optimizer = SimpleNamespace(converged=converged)
        stage = dataclasses.replace(begun, retry=retry, optimizer=optimizer)
        assert stage.goes_on_in_float32(taken) is expected
