"""tfstyle.engine.parametrization: what the optimizer moves, and what is seen of it."""

import numpy as np
import pytest
import tensorflow as tf
from small_runs import SMALL, TINY, make_config, run

from tfstyle.api import transfer
from tfstyle.engine.context import Context
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.parametrization import (
    Luminance,
    Masked,
    Photorealistic,
    Pixels,
    make_parametrization,
)
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale
from tfstyle.images import chroma, grey, resize

LUMINANCE = {"color": "content_luminance"}
KEEP = {"keep.mask": "mask.png"}
PHOTOREALISM = {"photorealism": 0.8}
KINDS = {
    "luminance": LUMINANCE,
    "keep": KEEP,
    "both": {**LUMINANCE, **KEEP},
    "photorealism": PHOTOREALISM,
    "all": {**LUMINANCE, **KEEP, **PHOTOREALISM},
}
CHANNELS = {"luminance": 1, "both": 1, "all": 1}  # of x, and else 3


@pytest.fixture(scope="module")
def mask(photo):
    """The left third is kept, with a soft edge, and the right third free."""
    height, width, _ = photo.shape
    ramp = np.clip(2 - 3 * np.arange(width) / width, 0, 1)
    levels = np.rint(255 * ramp) / 255
    return np.tile(levels[None, :, None], (height, 1, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def inputs(photo, painting, mask):
    return Inputs(photo, [painting], mask=mask)


@pytest.fixture
def make(inputs):
    """Return the parametrization of a kind, at 48 px or another size."""

    def of_kind(kind, size=48):
        config = make_config(TINY, KINDS.get(kind, {}), {"size": size})
        context = Context(config, inputs, "float32")
        return make_parametrization(context.scaled(Scale(size, 1)))

    return of_kind


class TestKinds:
    def test_are_what_the_config_asks_for(self, make):
        assert isinstance(make("pixels"), Pixels)
        assert isinstance(make("luminance"), Luminance)
        assert isinstance(make("keep"), Masked)
        assert isinstance(make("both"), Masked)
        assert isinstance(make("photorealism"), Photorealistic)
        assert isinstance(make("all"), Photorealistic)

    def test_pixels_are_the_image_itself(self, photo):
        x = tf.constant(photo[None])
        assert Pixels().seen(x) is x
        assert Pixels().gradient(x, x) is x
        assert Pixels().start(photo) is photo

    @pytest.mark.parametrize("kind", ["luminance", "keep", "both"])
    def test_a_picture_starts_from_itself(self, make, kind, photo):
        """As far as it can: only its lightness, and not where the photograph stays."""
        kept = make(kind)
        first = kept.start(resize(photo, 32, 48)[:, ::-1])
        assert first.dtype == np.float32
        assert 0 <= first.min() <= first.max() <= 1
        again = kept.start(kept.seen(tf.constant(first[None])).numpy()[0])
        free = np.s_[:, 32:]
        np.testing.assert_allclose(again[free], first[free], atol=1e-5)

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_seen_is_as_light_as_the_image(self, make, kind, random):
        one = make(kind)
        x = tf.constant(random.random((1, 32, 48, CHANNELS.get(kind, 3))), "float32")
        image, seen = one.image(x), one.seen(x).numpy()[0]
        assert image.shape == seen.shape == (32, 48, 3)
        assert image.dtype == np.float32
        np.testing.assert_allclose(grey(image), grey(seen), atol=2e-3)


class TestGradients:
    """Against central differences, of an objective that is no sum over pixels."""

    @pytest.mark.parametrize("kind", ["pixels", *KINDS])
    def test_are_those_of_what_is_seen(self, make, kind, random):
        one = make(kind)
        x = random.random((1, 32, 48, CHANNELS.get(kind, 3)))
        weights = tf.constant(random.normal(size=(1, 32, 48, 3)), tf.float32)

        def value(at):
            seen = one.seen(tf.constant(at, tf.float32))
            return float(tf.reduce_sum(tf.cast(weights * seen**2, tf.float64)))

        at = tf.constant(x, tf.float32)
        gradient = one.gradient(at, 2 * weights * one.seen(at)).numpy()
        assert gradient.shape == x.shape
        for _ in range(4):
            direction = random.normal(size=x.shape)
            change = value(x + 1e-3 * direction) - value(x - 1e-3 * direction)
            expected = np.sum(gradient * direction)
            assert change / 2e-3 == pytest.approx(expected, rel=2e-3, abs=1e-2)

    def test_nothing_moves_where_the_photograph_stays(self, make):
        for kind in ("keep", "both"):
            x = tf.fill((1, 32, 48, CHANNELS.get(kind, 3)), 0.5)
            gradient = make(kind).gradient(x, tf.ones((1, 32, 48, 3))).numpy()
            assert (gradient[:, :, :16] == 0).all()
            assert (gradient[:, :, 32:] > 0).all()

    def test_no_lightness_is_without_one(self, make):
        """Not even black and white, where OkLab's own has none, or no end."""
        for lightness in (0.0, 1.0):
            x = tf.fill((1, 32, 48, 1), lightness)
            gradient = make("luminance").gradient(x, tf.ones((1, 32, 48, 3))).numpy()
            assert (gradient == 3).all()
            gradient = make("photorealism").gradient(x, tf.ones((1, 32, 48, 3)))
            assert (gradient.numpy() > 0.1).all()


class TestRuns:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, real_kept, inputs):
        """The last step of a run of each kind on the real network."""

        def at_end(kind, **overrides):
            config = make_config(SMALL, KINDS[kind], overrides)
            return run(config, inputs, real_kept)[-1]

        return {kind: at_end(kind) for kind in KINDS}

    def test_luminance_keeps_the_content_s_chroma(self, done, photo):
        _, image, _ = done["luminance"]
        wanted = chroma(resize(photo, 32, 48))
        inside = (image > 1 / 255) & (image < 254 / 255)
        inside = inside.all(-1)
        assert inside.mean() > 0.9
        assert np.abs(chroma(image) - wanted)[inside].max() < 1 / 255
        assert np.abs(grey(image) - grey(resize(photo, 32, 48))).mean() > 0.01

    @pytest.mark.parametrize("kind", ["keep", "both", "all"])
    def test_kept_pixels_are_the_photograph_s(self, done, photo, kind):
        image, own = done[kind][1], resize(photo, 32, 48)
        np.testing.assert_array_equal(image[:, :16], own[:, :16])
        assert np.abs(image - own)[:, 32:].mean() > 0.01

    @pytest.mark.parametrize("kind", KINDS)
    def test_losses_are_those_of_the_picture(self, done, real_kept, inputs, kind):
        step, image, _ = done[kind]
        context = Context(make_config(SMALL, KINDS[kind]), inputs, "float32")
        (scale,) = context.scales
        objective = real_kept.objective(context, scale, context.plan(scale))
        if kind in CHANNELS:
            image = np.repeat(grey(image), 3, axis=2)
        measured = objective.losses(tf.constant(image[None]))
        assert step.losses == pytest.approx(measured, rel=2e-3)

    @pytest.mark.parametrize("kind", KINDS)
    def test_steps_improve_it(self, tiny_kept, inputs, kind):
        steps = run(make_config(TINY, KINDS[kind]), inputs, tiny_kept)
        totals = [step.losses["total"] for step, _, _ in steps]
        assert totals == sorted(totals, reverse=True)
        assert totals[-1] < 0.95 * totals[0]

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_go_on_to_the_same_bytes(self, tiny_kept, inputs, kind, optimizer):
        sizes = {"size": 32, "pyramid": {"min_size": 16, "steps": [2, 3]}}
        how = {**sizes, "optimizer.name": optimizer}
        config = make_config(TINY, KINDS[kind], how)
        whole = run(config, inputs, tiny_kept)
        for _, _, state in whole[1::3]:
            again = run(config, inputs, tiny_kept, state)
            assert again[-1][1].tobytes() == whole[-1][1].tobytes()
            assert again[-1][0].losses == whole[-1][0].losses

    @pytest.mark.parametrize("kind", KINDS)
    def test_in_tiles_are_the_same(self, kind, photo, painting, mask):
        pictures = [resize(each, 66, 96) for each in (photo, painting, mask)]
        inputs = Inputs(pictures[0], [pictures[1]], mask=pictures[2])
        options = {"size": 96, "extractor.padding": "zeros"}
        config = make_config(SMALL, KINDS[kind], options)
        whole, tiled = (
            last(config.with_overrides({"memory.tile": tile}), inputs).image()
            for tile in ("off", 64)
        )
        assert np.abs(whole - tiled).mean() < 1e-5
        # Where the gradient is nearly zero, rounding decides where a pixel goes.
        assert np.quantile(np.abs(whole - tiled), 0.999) < 1e-3

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_finer_size_begins_with_the_picture_of_the_one_before(
        self, tiny_kept, inputs, kind
    ):
        sizes = {"size": 32, "pyramid": {"min_size": 16, "steps": [3], "details": 0}}
        steps = run(make_config(TINY, KINDS[kind], sizes), inputs, tiny_kept)
        before, after = steps[3], steps[4]
        assert (before[0].scale, after[0].scale) == (0, 1)
        enlarged = resize(before[1], *after[1].shape[:2])
        free = np.s_[:, 22:]
        assert np.abs(grey(after[1]) - grey(enlarged))[free].mean() < 0.05


class TestPhotorealism:
    @pytest.fixture(scope="class")
    @classmethod
    def small(cls, photo):
        return resize(photo, 32, 48)

    def test_x_outside_the_range_is_clipped_and_stays(self, small):
        """The filter goes on where a slope leads; its gradient does not."""
        one = Photorealistic(Pixels(), small, 1.0)
        high = tf.constant(np.where(small > small.mean(), 1.0, 0.0)[None], tf.float32)
        x = 3 * high - 1
        seen = one.seen(x).numpy()
        assert seen.min() == 0
        assert seen.max() == 1
        np.testing.assert_array_equal(one.image(x), seen[0])
        outside = tf.constant((seen == 0) | (seen == 1), tf.float32)
        assert (one.gradient(x, outside).numpy() == 0).all()

    def test_the_photograph_itself_stays(self, small):
        one = Photorealistic(Pixels(), small, 1.0)
        assert np.abs(one.image(tf.constant(small[None])) - small).mean() < 0.02

    def test_none_of_it_is_nothing(self, tiny_kept, inputs):
        none = make_config(TINY, {"photorealism": 0.0})
        assert isinstance(
            make_parametrization(Context(none, inputs, "float32").scaled(Scale(48, 1))),
            Pixels,
        )
        image = run(none, inputs, tiny_kept)[-1][1]
        assert np.array_equal(image, run(make_config(TINY), inputs, tiny_kept)[-1][1])

    def test_edges_are_the_photograph_s(self, real_kept, photo, painting):
        """Where neighbors are alike in the photograph, so they are in the image."""

        def unevenness(k):
            inputs = Inputs(photo, [painting])
            config = make_config(SMALL, {"photorealism": k, "pyramid.steps": [9]})
            image = run(config, inputs, real_kept)[-1][1]
            own = resize(photo, *image.shape[:2])
            even = np.abs(np.diff(own, axis=1)).sum(-1) < 0.05
            return np.abs(np.diff(image, axis=1)).sum(-1)[even].mean()

        found = [unevenness(k) for k in (0.0, 0.5, 1.0)]
        assert found == sorted(found, reverse=True)
        assert found[2] < 0.8 * found[0]


def last(config, inputs):
    """Return the last step of a run as users have it, in TensorFlow's exact float32."""
    *_, step = transfer(config, inputs)
    return step


def test_a_soft_edge_is_a_mixture(photo, painting):
    half = np.full((43, 64, 1), 0.5, np.float32)
    kept = Masked(Pixels(), half, photo)
    x = np.random.default_rng(0).random((1, 43, 64, 3), np.float32)
    expected = (photo + x[0]) / 2
    np.testing.assert_allclose(kept.image(tf.constant(x)), expected, atol=1e-6)
    np.testing.assert_allclose(kept.start(expected), x[0], atol=1e-6)


def test_a_mask_has_each_size_s_own(inputs):
    config = make_config(TINY, KEEP)
    for size in (24, 64):
        scaled = ScaledInputs(config, inputs, Scale(size, 1))
        assert scaled.mask.shape == (*scaled.size, 1)
        assert (scaled.mask[:, : size // 4] == 1).all()
        assert (scaled.mask[:, -size // 4 :] == 0).all()
