"""Objectives as tests build them: of pictures, on the tiny twin or the real network."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.config import Objective as Options
from tfstyle.objective.groups import Group, compile_groups
from tfstyle.objective.terms import CONTENT_TERMS, STYLE_TERMS, Variation
from tfstyle.objective.tiled import Tiled, TiledGraphs
from tfstyle.objective.whole import Whole

FORMULATIONS = ("relative", "mean", "paper")
CONTENT_LAYERS = {"block2_conv1": 0.3, "block4_conv2": 1.7}
STYLE_LAYERS = {"block1_conv1": 0.5, "block2_conv1": 2.0, "block4_conv2": 0.1}
EVERY_TERM = [*CONTENT_TERMS, *STYLE_TERMS, "variation"]


def options(formulation="relative", **changes):
    """The config's objective on the tiny twin, with every weight another one."""
    given = {
        "formulation": formulation,
        "content_weight": 2.0,
        "content_layers": CONTENT_LAYERS,
        "style_weight": 30.0,
        "style_layers": STYLE_LAYERS,
        "tv_weight": 0.7,
    }
    return Options(**{**given, **changes})


def groups_with(name, formulation="relative", layers=STYLE_LAYERS, weight=3.0):
    """Groups of a single kind of term, on several layers."""
    if name == "variation":
        return (Group(name, weight, (Variation(formulation != "paper"),)),)
    source = "content" if name in CONTENT_TERMS else "style"
    kind = (CONTENT_TERMS | STYLE_TERMS)[name]
    terms = tuple(kind(layer, each, formulation) for layer, each in layers.items())
    return (Group(name, weight, terms, source),)


def tensor(picture):
    """(1, h, w, 3), float32."""
    return tf.constant(picture[None], tf.float32)


def noisy(picture):
    """A picture with noise, the same each time."""
    noise = np.random.default_rng(1).normal(0, 0.1, picture.shape)
    return np.clip(picture + noise, 0, 1).astype(np.float32)


def vivid(picture):
    """A picture with more contrast and noise, so that every channel varies.

    The variance of a nearly constant channel is a small difference of large numbers.
    """
    noise = np.random.default_rng(5).normal(0.5, 0.3, picture.shape)
    return np.clip(3 * (picture - picture.mean()) + noise, 0, 1).astype(np.float32)


def aimed(objective, content, *styles):
    """Aim at pictures; a style is one, or a pair of one and its weight."""
    pairs = [each if isinstance(each, tuple) else (each, 1.0) for each in styles]
    terms = objective.style_terms
    objective.aim(
        tensor(content),
        [
            [(parts, weight) for parts in objective.observe(tensor(each), terms)]
            for each, weight in pairs
        ],
    )
    return objective


def as_groups(chosen):
    """Groups as they are, or those of the config's objective."""
    return compile_groups(chosen) if isinstance(chosen, Options) else chosen


def whole(network, chosen, content, *styles, half_precision=False):
    """The objective of whole pictures; `chosen` are options or groups."""
    objective = Whole(network, as_groups(chosen), half_precision=half_precision)
    return aimed(objective, content, *styles)


def tiled(
    network,
    chosen,
    content,
    *styles,
    size,
    half_precision=False,
    keep_content=True,
    on_tile=None,
):
    """The same in tiles of so many pixels."""
    groups = as_groups(chosen)
    graphs = TiledGraphs(network, groups, keep_content)
    objective = Tiled(graphs, groups, size, half_precision, on_tile)
    return aimed(objective, content, *styles)


def both(network, chosen, image, content, *styles, size, half_precision=False, **how):
    """Return losses and gradient of an image: of the whole, and those by tiles."""
    half = {"half_precision": half_precision}
    one = whole(network, chosen, content, *styles, **half)
    other = tiled(network, chosen, content, *styles, size=size, **half, **how)
    assert one.names == other.names
    return one.value_and_gradient(tensor(image)), other.value_and_gradient(
        tensor(image)
    )


def assert_equal(expected, found, value=1e-6, gradient=1e-5):
    """Compare losses and gradient with those of the whole."""
    np.testing.assert_allclose(found[0], expected[0], rtol=value)
    size = np.linalg.norm(expected[1])
    assert size > 0
    assert np.linalg.norm(expected[1] - found[1]) < gradient * size
    largest = np.abs(expected[1]).max()
    assert np.abs(expected[1] - found[1]).max() < gradient * largest


def assert_losses(found, expected, rtol=1e-4):
    """Compare losses by name."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=rtol), name
