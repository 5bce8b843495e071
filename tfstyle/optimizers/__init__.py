"""How the pixels change: one algorithm a file, all behind one signature."""

import tensorflow as tf

from tfstyle import config
from tfstyle.optimizers.adam import Adam
from tfstyle.optimizers.base import Optimizer, ValueAndGradient
from tfstyle.optimizers.lbfgs import LBFGS

__all__ = ["LBFGS", "Adam", "Optimizer", "ValueAndGradient", "make_optimizer"]


def make_optimizer(
    options: config.Optimizer, value_and_gradient: ValueAndGradient, image: tf.Tensor
) -> Optimizer:
    """Return the optimizer that `options` names, at an image (1, h, w, 3) in [0, 1]."""
    kind = Adam if options.name == "adam" else LBFGS
    return kind(options, value_and_gradient, image)
