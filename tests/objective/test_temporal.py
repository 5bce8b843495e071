"""The temporal term: each frame of a film holds on to the one before."""

import numpy as np
import pytest
import tensorflow as tf
from numpy_formulas import finite_differences
from objectives import assert_equal, options, tensor, vivid

from tfstyle.objective.groups import Group, compile_groups, names_of
from tfstyle.objective.term import Guides
from tfstyle.objective.terms import Temporal
from tfstyle.objective.tiled import Tiled, TiledGraphs
from tfstyle.objective.whole import Whole

ALONE = (Group("temporal", 3.0, (Temporal(),)),)


@pytest.fixture
def before(photo, random):
    """A result of before, and the trust in it."""
    trust = (random.random((*photo.shape[:2], 1)) > 0.3) * random.random()
    return 1 - photo, trust.astype(np.float32)


def aimed(objective, content, style, before):
    previous, trust = map(tensor, before)
    terms = objective.style_terms
    observed = objective.observe(tensor(style), terms)
    guides = Guides(pixels={"previous": previous, "trust": trust})
    objective.aim(tensor(content), [[(each, 1.0) for each in observed]], guides)
    return objective


def expected(image, before):
    """Ruder et al. (2016, eq. 7), with their D and c."""
    previous, trust = (np.asarray(each, np.float64) for each in before)
    return np.sum(trust * (image - previous) ** 2) / previous.size


def test_is_the_formula_of_the_paper(photo, before):
    objective = aimed(Whole(None, ALONE), photo, photo, before)
    found = objective.losses(tensor(vivid(photo)))
    assert found["temporal"] == pytest.approx(expected(vivid(photo), before), rel=1e-5)
    assert found["total"] == pytest.approx(3 * found["temporal"])


def test_its_gradient_agrees_with_finite_differences(photo, before, random):
    part = slice(0, 5), slice(3, 9)
    before = [each[part] for each in before]
    objective = aimed(Whole(None, ALONE), photo[part], photo[part], before)
    image = random.random((5, 6, 3))
    _, gradient = objective.value_and_gradient(tensor(image))
    slopes = finite_differences(lambda x: 3 * expected(x, before), image)
    np.testing.assert_allclose(gradient[0], slopes, rtol=1e-4, atol=1e-7)


def test_of_the_previous_result_itself_is_zero(photo, before):
    objective = aimed(Whole(None, ALONE), photo, photo, before)
    assert objective.losses(tensor(before[0]))["temporal"] == 0


def test_where_nothing_is_trusted_is_zero(photo, before):
    none = before[0], np.zeros_like(before[1])
    objective = aimed(Whole(None, ALONE), photo, photo, none)
    assert objective.losses(tensor(vivid(photo)))["temporal"] == 0


@pytest.mark.parametrize("size", [4, 20, 24])
@pytest.mark.parametrize("keep_content", [True, False])
def test_tiles_are_the_whole(size, keep_content, tiny_network, photo, painting, before):
    groups = compile_groups(options(), temporal=20.0)
    pictures = photo, vivid(painting), before
    whole = aimed(Whole(tiny_network, groups), *pictures)
    graphs = TiledGraphs(tiny_network, groups, keep_content)
    tiled = aimed(Tiled(graphs, groups, size), *pictures)
    image = tensor(vivid(photo))
    assert_equal(whole.value_and_gradient(image), tiled.value_and_gradient(image))
    assert whole.names[-1] == "temporal"
    assert float(whole.value_and_gradient(image)[0][-1]) > 0


def test_is_a_group_only_where_it_has_a_weight():
    assert "temporal" not in names_of(compile_groups(options()))
    groups = compile_groups(options(), temporal=0.5)
    assert names_of(groups)[-1] == "temporal"
    assert groups[-1].weight == 0.5


def test_the_gradient_pulls_toward_the_previous_result(photo, before):
    objective = aimed(Whole(None, ALONE), photo, photo, before)
    image = tensor(vivid(photo))
    _, gradient = objective.value_and_gradient(image)
    away = image - tensor(before[0])
    assert tf.reduce_all(gradient * away >= 0)
