"""Adam, with steps that end in [0, 1]."""

from collections.abc import Mapping

import tensorflow as tf

from tfstyle import config
from tfstyle.optimizers.base import (
    MAX_TRIALS,
    Base,
    ValueAndGradient,
    assign_all,
    is_finite,
    nothing_finite,
    vector,
    warn_not_finite,
)


class Adam(Base):
    """Kingma & Ba (2015, algorithm 1), as Keras writes it; steps end in [0, 1].

    Written out because a step must be taken back if it leads nowhere finite: moments
    and image change only once the new image has been evaluated.
    """

    converged = False  # Adam cannot tell

    def __init__(
        self,
        options: config.Optimizer,
        value_and_gradient: ValueAndGradient,
        image: tf.Tensor,
    ) -> None:
        super().__init__(options, value_and_gradient, image)
        self._mean = vector(tf.zeros_like(self._pixels))
        self._square = vector(tf.zeros_like(self._pixels))

    def step(self) -> None:
        options, length = self._options, 1.0
        betas = options.beta_1, options.beta_2
        mean, square = _moments(self._mean, self._square, self._gradient, *betas)
        direction = _direction(
            *(mean, square, self._steps),
            *betas,
            *(options.learning_rate, options.epsilon),
        )
        for _ in range(MAX_TRIALS):
            pixels = _moved(self._pixels, direction, tf.constant(length))
            losses, gradient = self._evaluate(pixels)
            if is_finite(losses, gradient):
                new = pixels, losses, gradient, mean, square
                assign_all(self._steps, self._vectors(), new)
                return
            warn_not_finite(self.steps)
            length /= 2
        raise nothing_finite(self.steps)

    def _vectors(self) -> tuple[tf.Variable, ...]:
        return self._pixels, self._losses, self._gradient, self._mean, self._square

    def _variables(self) -> Mapping[str, tf.Variable]:
        moments = {"mean": self._mean, "square": self._square}
        return {**super()._variables(), **moments}


@tf.function(autograph=False)
def _moments(
    mean: tf.Variable,
    square: tf.Variable,
    gradient: tf.Variable,
    beta_1: float,
    beta_2: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the decaying means of the gradient and of its square."""
    mean = mean + (gradient - mean) * (1 - beta_1)
    square = square + (gradient**2 - square) * (1 - beta_2)
    return mean, square


@tf.function(autograph=False)
def _direction(
    mean: tf.Tensor,
    square: tf.Tensor,
    steps: tf.Variable,
    beta_1: float,
    beta_2: float,
    learning_rate: float,
    epsilon: float,
) -> tf.Tensor:
    time = tf.cast(steps + 1, tf.float32)
    unbiased = tf.sqrt(1 - beta_2**time) / (1 - beta_1**time)
    return learning_rate * unbiased * mean / (tf.sqrt(square) + epsilon)


@tf.function(autograph=False)
def _moved(pixels: tf.Variable, direction: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(pixels - length * direction, 0.0, 1.0)
