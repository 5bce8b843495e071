"""A convex problem for optimizers, and SciPy's L-BFGS-B to compare them with."""

import math

import numpy as np
import scipy.fft
import scipy.optimize
import tensorflow as tf

from tfstyle.config import Optimizer as Options
from tfstyle.optimizers import make_optimizer

SHAPE = (1, 16, 16, 3)
SIZE = math.prod(SHAPE)


class Quadratic:
    """½ (x - c)ᵀ H (x - c) with eigenvalues of H from 1 down to 1 / condition.

    Its eigenvectors are cosines with random signs, so that every pixel is coupled with
    every other. The entries of c are uniform in ½ ± spread: beyond ½, some of them lie
    outside [0, 1], and the minimum over [0, 1] has active bounds.
    """

    def __init__(self, condition=100.0, spread=0.75, seed=0):
        rng = np.random.default_rng(seed)
        self.eigenvalues = rng.permutation(np.geomspace(1, 1 / condition, SIZE))
        self.signs = rng.choice([-1.0, 1.0], SIZE)
        self.center = rng.uniform(0.5 - spread, 0.5 + spread, SIZE)
        self.start = tf.constant(rng.random(SHAPE), tf.float32)

    def __call__(self, image):
        """Losses and gradient as the optimizers want them."""
        signs, eigenvalues, center = (
            tf.constant(each, tf.float32)
            for each in (self.signs, self.eigenvalues, self.center)
        )
        waves = tf.signal.dct(signs * (tf.reshape(image, [-1]) - center), norm="ortho")
        gradient = signs * tf.signal.idct(eigenvalues * waves, norm="ortho")
        total = tf.reduce_sum(eigenvalues * waves**2) / 2
        return losses(total), tf.reshape(gradient, SHAPE)

    def total(self, image):
        """The value alone."""
        return float(self(image)[0][0])

    def in_numpy(self, vector):
        """Value and gradient in float64."""
        waves = scipy.fft.dct(self.signs * (vector - self.center), norm="ortho")
        gradient = scipy.fft.idct(self.eigenvalues * waves, norm="ortho") * self.signs
        return np.sum(self.eigenvalues * waves**2) / 2, gradient


def losses(total):
    """A vector of losses: a total, and one that nobody minimizes."""
    return tf.stack([tf.cast(total, tf.float32), 7.0])


def total_of(optimizer):
    """What is minimized, at the image as it is."""
    return float(optimizer.losses[0])


def make(name, objective, start=None, **changes):
    """An optimizer that no tolerance ends."""
    start = objective.start if start is None else start
    options = Options(name=name, **{"tolerance": 0, **changes})
    return make_optimizer(options, objective, start)


def minimize_with_scipy(function, start, evaluations, tolerance=0.0):
    """SciPy's result after so many evaluations, and the best value after each.

    It stops earlier if the projected gradient falls below `tolerance`.
    """
    values = []

    def recorded(vector):
        value, gradient = function(vector)
        values.append(float(value))
        return value, gradient

    result = scipy.optimize.minimize(
        recorded,
        np.asarray(start, np.float64).ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, 1)] * np.size(start),
        options={
            "maxcor": 10,
            "ftol": 0,
            "gtol": tolerance,
            "maxfun": evaluations,
            "maxiter": evaluations,
        },
    )
    return result, np.minimum.accumulate(values)


def as_numpy(value_and_gradient, shape):
    """A function of tensors as one of float64 vectors, for SciPy."""

    def function(vector):
        values, gradient = value_and_gradient(
            tf.constant(vector.reshape(shape), tf.float32)
        )
        return float(values[0]), gradient.numpy().astype(np.float64).ravel()

    return function


def evaluations_to_reach(value, optimizer, most):
    """Return how many evaluations it takes, or infinity if `most` are not enough."""
    optimizer.start()
    while total_of(optimizer) > value:
        if optimizer.converged or optimizer.evaluations >= most:
            return math.inf
        optimizer.step()
    return optimizer.evaluations
