"""tfstyle.engine.context: the precision and the memory that a run computes with."""

import math
import warnings

import pytest
from small_runs import TINY, make_config, make_inputs

from tfstyle.config import StyleConfig
from tfstyle.engine import context as contexts
from tfstyle.engine.context import Context, choose_context
from tfstyle.engine.loop import optimize
from tfstyle.engine.plan import SLOWER, Plan


@pytest.fixture
def fastest(monkeypatch):
    """Let the machine be fastest in the precisions given, one after the other."""

    def use(*precisions):
        answers = iter(precisions)
        monkeypatch.setattr(contexts, "fastest_precision", lambda: next(answers))

    return use


AUTO = {**TINY, "precision": "auto"}


class TestPrecision:
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_auto_is_what_this_device_is_fastest_in(
        self, tiny_kept, photo, painting, fastest, precision
    ):
        fastest(precision)
        inputs = make_inputs(photo, painting)
        first = next(optimize(make_config(AUTO), inputs, kept=tiny_kept))
        assert first.precision == precision
        assert first.state().precision == precision

    def test_a_resumed_run_keeps_its_own(self, tiny_kept, photo, painting, fastest):
        fastest("bfloat16", "float32")
        config, inputs = make_config(AUTO), make_inputs(photo, painting)
        state = next(optimize(config, inputs, kept=tiny_kept)).state()
        again = next(optimize(config, inputs, state, tiny_kept))
        assert again.precision == "bfloat16"

    @pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
    def test_one_that_is_asked_for_is_not_measured(
        self, photo, painting, fastest, precision
    ):
        fastest()
        config = make_config({**TINY, "precision": precision})
        context = choose_context(config, make_inputs(photo, painting))
        assert context.precision == precision


class TestMemory:
    def test_is_what_the_config_gives(self, photo, painting):
        config = make_config(TINY, {"memory.limit_gib": 3.5})
        assert choose_context(config, make_inputs(photo, painting)).limit_gib == 3.5

    def test_a_resumed_run_keeps_its_own(self, tiny_kept, photo, painting):
        inputs = make_inputs(photo, painting)
        config = make_config(TINY, {"memory.limit_gib": 3.5})
        state = next(optimize(config, inputs, kept=tiny_kept)).state()
        assert state.limit_gib == 3.5
        assert choose_context(make_config(TINY), inputs, state).limit_gib == 3.5

    def test_that_leaves_room_for_less_than_asked_draws_a_warning(
        self, photo, painting, monkeypatch
    ):
        adam = StyleConfig().optimizer.model_copy(update={"name": "adam"})
        monkeypatch.setattr(
            Context, "plan", lambda *_: Plan(None, adam, keep_content=True, gib=1.0)
        )
        context = Context(make_config(TINY), make_inputs(photo, painting), "float32", 2)
        with pytest.warns(RuntimeWarning, match=r"2\.0 GiB .* only for adam"):
            context.check_memory()

    def test_a_run_begins_with_that_warning(
        self, tiny_kept, photo, painting, monkeypatch
    ):
        adam = StyleConfig().optimizer.model_copy(update={"name": "adam"})
        monkeypatch.setattr(Context, "plan", lambda *_: Plan(None, adam, True, 1.0))
        config, inputs = make_config(TINY), make_inputs(photo, painting)
        with pytest.warns(RuntimeWarning, match="leave room only for adam"):
            next(optimize(config, inputs, kept=tiny_kept))

    def test_a_history_in_bfloat16_is_as_good(self, photo, painting, monkeypatch):
        half = StyleConfig().optimizer.model_copy(
            update={"history_precision": "bfloat16"}
        )
        monkeypatch.setattr(Context, "plan", lambda *_: Plan(None, half, True, 1.0))
        config = make_config({"size": 64})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Context(config, make_inputs(photo, painting), "float32").check_memory()

    def test_every_size_has_to_fit(self, photo, painting):
        """A large size in tiles may take less than the one before as a whole."""
        config = make_config({"memory.limit_gib": 0.5, "precision": "float32"})
        context = choose_context(config, make_inputs(photo, painting))
        with pytest.raises(ValueError, match=r"raise memory\.limit_gib"):
            context.check_memory()


class TestWork:
    def test_is_steps_on_pixels(self, photo, painting):
        config = make_config({"size": 96, "pyramid": {"min_size": 48, "steps": [3, 5]}})
        small, large = Context(config, make_inputs(photo, painting), "float32").work
        assert large / small == pytest.approx(5 / 3 * 2**2)

    def test_in_tiles_is_slower(self, photo, painting):
        config = make_config({"memory.tile": 64, "size": 96, "precision": "float32"})
        config = config.with_overrides({"pyramid": {"min_size": 64, "steps": [5]}})
        small, large = Context(config, make_inputs(photo, painting), "float32").work
        assert large / small == pytest.approx(SLOWER * 1.5**2)


CONVERGES = {
    "size": 16,
    "init": "noise",
    "precision": "auto",
    "pyramid": {"min_size": None, "steps": [300]},
    "objective.style_weight": 0,
    "objective.tv_weight": 0,
    "objective.content_layers": {"block1_conv1": 1},
}


@pytest.fixture(scope="module")
def converged(real_kept, photo):
    """The steps of a run that bfloat16 cannot improve any more, and its inputs."""
    inputs = make_inputs(photo)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contexts, "fastest_precision", lambda: "bfloat16")
        config = make_config(CONVERGES, styles=0)
        return [*optimize(config, inputs, kept=real_kept)], inputs


class TestRetryInFloat32:
    def test_begins_where_bfloat16_finds_no_better_step(self, converged):
        steps, _ = converged
        precisions = [step.precision for step in steps]
        switch = precisions.index("float32")
        assert set(precisions[:switch]) == {"bfloat16"}
        assert set(precisions[switch:]) == {"float32"}
        assert [step.step for step in steps] == list(range(len(steps)))
        assert [step.last for step in steps].index(True) == len(steps) - 1
        assert not any(step.converged for step in steps[:-1])
        assert steps[-1].losses["total"] < steps[switch - 1].losses["total"]

    def test_needs_steps_that_are_left(self, real_kept, converged, fastest):
        """Where it converges with the very last step, that is the end."""
        steps, inputs = converged
        count = [step.precision for step in steps].index("float32") - 1
        fastest("bfloat16")
        config = make_config(CONVERGES, {"pyramid.steps": [count]}, styles=0)
        found = [*optimize(config, inputs, kept=real_kept)]
        assert {step.precision for step in found} == {"bfloat16"}
        assert [step.step for step in found if step.last] == [count]
        assert len(found) == count + 1
        assert found[-1].converged

    def test_is_not_for_what_does_not_fit_in_float32(
        self, real_kept, photo, fastest, monkeypatch
    ):
        def plan(self, scale):
            if self.precision == "float32":
                raise ValueError("too much")
            return Plan(None, self.config.optimizer, True, 1.0)

        fastest("bfloat16")
        monkeypatch.setattr(Context, "plan", plan)
        config = make_config(CONVERGES, styles=0)
        *_, last = optimize(config, make_inputs(photo), kept=real_kept)
        assert last.converged
        assert last.last
        assert last.precision == "bfloat16"

    @pytest.mark.parametrize(
        ("overrides", "precision", "expected"),
        [
            ({}, "bfloat16", True),
            ({}, "float32", False),
            ({"precision": "bfloat16"}, "bfloat16", False),
            ({"memory.tile": 64, "size": 96}, "bfloat16", False),
        ],
    )
    def test_is_for_auto_alone(self, photo, painting, overrides, precision, expected):
        config = make_config(AUTO, overrides)
        context = Context(config, make_inputs(photo, painting), precision, math.inf)
        (scale,) = context.scales
        assert context.may_retry(scale, context.plan(scale)) is expected
        if expected:
            assert context.in_float32().precision == "float32"
            assert context.in_float32().inputs is context.inputs

    def test_needs_the_same_plan(self, photo, painting):
        config, inputs = make_config(AUTO, {"size": 2048}), make_inputs(photo, painting)
        scale = Context(config, inputs, "bfloat16").scales[0]
        half, full = (
            Context(config, inputs, precision).plan(scale).gib
            for precision in ("bfloat16", "float32")
        )
        context = Context(config, inputs, "bfloat16", (half + full) / 2)
        assert context.plan(scale).tile is None
        assert not context.may_retry(scale, context.plan(scale))
