"""tfstyle.engine.start: what the pixels of each size begin with."""

import numpy as np
import pytest
from small_runs import TINY, make_config, make_inputs

from tfstyle.engine.loop import optimize
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale
from tfstyle.engine.start import enlarge, noise, start_image
from tfstyle.images import cover, resize

OWN_COLORS = {"color_strength": 0}


class TestNoise:
    def test_another_seed_gives_another(self):
        assert not np.array_equal(noise(8, 8, 0), noise(8, 8, 1))

    def test_is_uniform(self):
        image = noise(64, 64, 2**63 - 1)
        assert image.dtype == np.float32
        assert 0 <= image.min() < 0.001
        assert 0.999 < image.max() < 1
        assert image.mean() == pytest.approx(0.5, abs=0.01)


class TestInit:
    @pytest.fixture
    def start(self, tiny_kept, photo, painting):
        """Return the picture of step 0."""

        def first_image(init, picture=None):
            inputs = make_inputs(photo, painting, painting[::-1], start=picture)
            config = make_config({**TINY, **OWN_COLORS, "init": init}, styles=2)
            return next(optimize(config, inputs, kept=tiny_kept)).image()

        return first_image

    def test_content(self, start, photo):
        image = start("content")
        assert np.abs(image - cover(photo, 32, 48)).max() < 1e-6

    def test_noise(self, start):
        np.testing.assert_array_equal(start("noise"), noise(32, 48, 0))

    def test_style_is_the_first_one_cut_to_the_content_s_ratio(self, start, painting):
        np.testing.assert_array_equal(start("style"), cover(painting, 32, 48))

    def test_a_file_is_cut_to_the_content_s_ratio(self, start, random):
        picture = random.random((90, 20, 3), np.float32)
        np.testing.assert_array_equal(start("a path", picture), cover(picture, 32, 48))

    def test_a_file_that_is_missing(self, start):
        with pytest.raises(ValueError, match="'a path', but its picture did not come"):
            start("a path")

    def test_the_content_is_where_content_is_zero(self, tiny_kept, photo, painting):
        inputs = make_inputs(photo, painting)
        losses = next(optimize(make_config(TINY), inputs, kept=tiny_kept)).losses
        assert losses["content"] == pytest.approx(0, abs=1e-9)
        assert losses["style"] > 0.01


class TestEnlarge:
    @pytest.fixture
    def scaled(self, photo, painting):
        def at(init, details=1.0):
            config = make_config({**TINY, "init": init, "pyramid.details": details})
            return ScaledInputs(config, make_inputs(photo, painting), Scale(32, 1))

        return at

    def test_adds_the_details_of_the_start(self, scaled, random):
        coarse = random.random((11, 16, 3), np.float32)
        start = start_image(scaled("content"))
        change = resize(coarse, 22, 32) - resize(resize(start, 11, 16), 22, 32)
        found = enlarge(coarse, scaled("content"))
        np.testing.assert_allclose(found, np.clip(start + change, 0, 1), atol=1e-6)
        assert found.dtype == np.float32

    def test_adds_a_fraction_of_them(self, scaled, random):
        coarse = random.random((11, 16, 3), np.float32) / 2 + 0.25
        none, half, all_ = (
            enlarge(coarse, scaled("content", fraction)) for fraction in (0, 0.5, 1)
        )
        inside = (all_ > 0) & (all_ < 1)
        np.testing.assert_allclose(
            half[inside], (none + (all_ - none) / 2)[inside], atol=1e-6
        )
        assert np.abs(all_ - none).max() > 0.01

    def test_noise_has_no_details(self, scaled, random):
        coarse = random.random((11, 16, 3), np.float32)
        found = enlarge(coarse, scaled("noise"))
        np.testing.assert_array_equal(found, resize(coarse, 22, 32))

    @pytest.mark.parametrize("init", ["content", "noise"])
    def test_what_has_the_size_stays(self, scaled, random, init):
        image = random.random((22, 32, 3), np.float32)
        np.testing.assert_array_equal(enlarge(image, scaled(init)), image)
