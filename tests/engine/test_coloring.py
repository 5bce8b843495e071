"""tfstyle.engine.coloring: the colors that content and styles are given."""

import numpy as np
import pytest
from small_runs import SMALL, TINY, make_config, run

from tfstyle.engine.coloring import choose_coloring
from tfstyle.engine.context import Context
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.schedule import Scale
from tfstyle.images import chroma, color_map, grey, resize
from tfstyle.images.colors import color_moments

COLORS = ("style", "content_match", "content_luminance")


@pytest.fixture
def coloring(photo, painting):
    """Return the coloring of a config, with the painting turned as another style."""

    def choose(picture=None, **overrides):
        config = make_config(TINY, overrides, styles=2)
        styles = [painting, painting[::-1] ** 2]
        return choose_coloring(config, Inputs(photo, styles, palette=picture))

    return choose


def assert_colors_of(picture, *others):
    """Clipping moves the moments a little."""
    for found, expected in zip(
        color_moments([picture]), color_moments(others), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=0.04)


class TestStyle:
    def test_the_content_gets_the_styles_colors(self, coloring, photo, painting):
        found = coloring()
        assert_colors_of(found.content(photo), painting, painting[::-1] ** 2)
        assert found.style(0, painting) is painting

    def test_a_part_of_them(self, coloring, photo):
        half, full = (coloring(color_strength=each).content(photo) for each in (0.5, 1))
        np.testing.assert_allclose(half, (photo + full) / 2, atol=1e-6)

    def test_none_of_them(self, coloring, photo):
        assert coloring(color_strength=0).content(photo) is photo

    def test_there_are_none_where_no_term_looks_at_styles(self, coloring, photo):
        found = coloring(**{"objective.style_weight": 0})
        assert found.content(photo) is photo


class TestPalette:
    @pytest.fixture
    def palette(self, painting):
        return painting[..., ::-1]

    def test_content_and_styles_get_its_colors(
        self, coloring, photo, painting, palette
    ):
        found = coloring(palette, palette="a.png")
        assert_colors_of(found.content(photo), palette)
        assert_colors_of(found.style(0, painting), palette)

    def test_needs_no_style(self, photo, palette):
        config = make_config(TINY, {"palette": "a.png"}, styles=0)
        found = choose_coloring(config, Inputs(photo, [], palette=palette))
        assert_colors_of(found.content(photo), palette)

    def test_none_of_it(self, coloring, photo, painting, palette):
        found = coloring(palette, palette="a.png", color_strength=0)
        assert found.content(photo) is photo
        assert found.style(1, painting) is painting

    def test_is_in_the_picture(self, tiny_kept, photo, painting, palette):
        means = []
        for other in (palette, palette[..., ::-1] ** 3):
            config = make_config(TINY, {"palette": "a.png"})
            inputs = Inputs(photo, [painting], palette=other)
            image = run(config, inputs, tiny_kept)[-1][1]
            means.append(image.mean((0, 1)))
            np.testing.assert_allclose(means[-1], other.mean((0, 1)), atol=0.06)
        assert np.abs(means[0] - means[1]).max() > 0.1


class TestContentMatch:
    def test_each_style_gets_the_content_s_colors(self, coloring, photo, painting):
        found = coloring(color="content_match")
        assert found.content(photo) is photo
        assert_colors_of(found.style(0, painting), photo)
        other = painting[::-1] ** 2
        expected = color_map(other, [photo])(other)
        np.testing.assert_allclose(found.style(1, other), expected, atol=1e-6)

    def test_none_of_them(self, coloring, painting):
        found = coloring(color="content_match", color_strength=0)
        assert found.style(0, painting) is painting


class TestContentLuminance:
    def test_all_are_grey(self, coloring, photo, painting):
        found = coloring(color="content_luminance")
        for picture in (found.content(photo), found.style(0, painting)):
            assert np.ptp(picture, axis=-1).max() < 1e-3
        np.testing.assert_array_equal(found.content(photo)[..., :1], grey(photo))

    def test_styles_are_as_light_and_as_varied_as_the_content(
        self, coloring, photo, painting
    ):
        found = coloring(color="content_luminance").style(0, painting)
        assert found.mean() == pytest.approx(grey(photo).mean(), abs=0.01)
        assert found.std() == pytest.approx(grey(photo).std(), rel=0.05)

    @pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
    def test_chroma_fades_into_the_style_s(self, photo, painting, strength):
        options = {"color": "content_luminance", "color_strength": strength}
        context = Context(
            make_config(TINY, options), Inputs(photo, [painting]), "float32"
        )
        own = resize(photo, 32, 48)
        other = chroma(color_map(photo, [painting])(own))
        expected = strength * chroma(own) + (1 - strength) * other
        found = context.scaled(Scale(48, 1)).chroma
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_the_photograph_s_own_stays_where_it_is_kept(self, photo, painting):
        options = {"color": "content_luminance", "color_strength": 0}
        config = make_config(TINY, {**options, "keep.mask": "a.png"})
        mask = np.zeros((43, 64, 1), np.float32)
        mask[:, :32] = 1
        context = Context(config, Inputs(photo, [painting], mask=mask), "float32")
        found = context.scaled(Scale(48, 1)).chroma
        own = chroma(resize(photo, 32, 48))
        np.testing.assert_allclose(found[:, :20], own[:, :20], atol=1e-6)
        assert np.abs(found - own)[:, 28:].mean() > 0.01


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_grey_and_flat_pictures_give_numbers(tiny_kept, color, strength, photo, random):
    greys = np.repeat(random.random((43, 64, 1), np.float32), 3, axis=2)
    flat = np.full((43, 64, 3), 0.5, np.float32)
    config = make_config(TINY, {"color": color, "color_strength": strength})
    pairs = [(greys, photo), (photo, greys), (greys, greys), (flat, photo)]
    for content, style in [*pairs, (photo, flat), (flat, flat)]:
        for step, image, _ in run(config, Inputs(content, [style]), tiny_kept):
            assert np.isfinite(image).all()
            assert np.isfinite([*step.losses.values()]).all()


def test_styles_measured_in_other_colors_are_not_taken_for_these(
    real_kept, photo, painting
):
    """What was measured on a style is kept from run to run, by all it depends on."""
    totals = set()
    for options in (
        *({"color": color} for color in COLORS),
        {"color": "content_match", "color_strength": 0.5},
        {"palette": "a.png", "color_strength": 1},
    ):
        for content in (photo, photo[:, ::-1] ** 2):
            inputs = Inputs(content, [painting], palette=content[..., ::-1])
            config = make_config(SMALL, {"init": "style", **options})
            (first, *_), *_ = run(config, inputs, real_kept)
            totals.add(first.losses["style"])
    assert len(totals) >= 9  # `style` alone does not depend on the content


class TestParts:
    @pytest.mark.parametrize("color", ["content_match", "content_luminance"])
    def test_what_is_taken_of_a_style_gets_the_content_s_colors(
        self, photo, painting, color
    ):
        """The other part is of other colors, and of no account."""
        mask = np.zeros((*painting.shape[:2], 1), np.float32)
        mask[:, :32] = 1
        style = np.where(mask, painting, painting * 0.2)
        inputs = Inputs(photo, [style], source_masks=[mask])
        found = choose_coloring(make_config(TINY, {"color": color}), inputs)
        part = found.style(0, style)[mask[..., 0] == 1]
        expected = photo if color == "content_match" else grey(photo)
        np.testing.assert_allclose(
            part.mean(0), expected.mean((0, 1)) * np.ones(3), atol=0.03
        )


class TestStrokesAlone:
    """A style whose color does not count has the colors of the others."""

    def test_has_the_colors_of_the_others(self, coloring, painting):
        found = coloring(styles=[{}, {"color": 0}])
        other = painting[::-1] ** 2
        assert_colors_of(found.style(1, other), painting)
        assert found.style(0, painting) is painting

    def test_the_content_has_them_as_well(self, coloring, photo, painting):
        found = coloring(styles=[{}, {"color": 0}])
        assert_colors_of(found.content(photo), painting)

    def test_by_halves(self, coloring, painting):
        other = painting[::-1] ** 2
        none, half = (
            coloring(styles=[{"weight": 1e9}, {"color": each}]) for each in (0, 0.5)
        )
        between = (other + none.style(1, other)) / 2
        np.testing.assert_allclose(half.style(1, other), between, atol=1e-5)

    def test_what_is_measured_of_it_depends_on_the_others(self, coloring):
        keys = [coloring(styles=[{"weight": w}, {"color": 0.5}]).key for w in (1, 2)]
        keys += [
            coloring(styles=[{}, {"color": 0.5}], color_strength=c).key
            for c in (0.5, 1)
        ]
        assert len(set(keys)) == len(keys) - 1  # the first is the last
        assert coloring(styles=[{}, {"strokes": 0}]).key == ()


def test_a_palette_is_that_of_the_part_that_is_taken(photo, painting):
    part = np.zeros((*painting.shape[:2], 1), np.float32)
    part[: len(part) // 3] = 1
    config = make_config(TINY, {"palette": "a.png"})
    inputs = Inputs(photo, [painting], palette=photo, source_masks=[part])
    style = choose_coloring(config, inputs).style(0, painting)
    assert_colors_of(style[: len(part) // 3], photo)
