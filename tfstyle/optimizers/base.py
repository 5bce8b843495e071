"""What all optimizers have in common; each keeps the image inside [0, 1].

An optimizer owns the image, or what stands for it, with any number of channels. `start`
evaluates it, each `step` changes it and returns the losses of the image as it is now,
which is the one that would be saved. All vectors stay in TensorFlow, on the device that
it chose; only scalars reach Python. All that a step changes is changed by one graph,
which no interrupt can cut in two.

Vectors are flat, of any length, so that the graphs of one size serve all others.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfstyle import config

ValueAndGradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""An image (1, h, w, 3) to a vector of losses, whose first is minimized, and the
gradient of that, shaped as the image."""

State = dict[str, np.ndarray]

MAX_TRIALS = 12  # of a step's length
BFLOAT16 = tf.bfloat16.as_numpy_dtype


class Optimizer(Protocol):
    """What the loop and the checkpoints know of an optimizer."""

    evaluations: int  # of the objective, so far

    @property
    def image(self) -> tf.Tensor:
        """As it is: (1, h, w, 3), in [0, 1]."""

    @property
    def losses(self) -> np.ndarray:
        """Of the image as it is; the first is what is minimized."""

    @property
    def steps(self) -> int:
        """How many changed the image."""

    @property
    def converged(self) -> bool:
        """Whether steps do not improve the image any more."""

    def start(self) -> None:
        """Evaluate the image as it is."""

    def step(self) -> None:
        """Improve the image."""

    def state(self) -> State:
        """Return all that a later `restore` needs to go on exactly as before."""

    def restore(self, state: State) -> None:
        """Go back to a `state` of an optimizer with the same options and image size."""


class Base:
    """An image, its losses and gradient, and how they are evaluated and stored."""

    def __init__(
        self,
        options: config.Optimizer,
        value_and_gradient: ValueAndGradient,
        image: tf.Tensor,
    ) -> None:
        self.evaluations = 0
        self._options = options
        self._value_and_gradient = value_and_gradient
        self._shape = tuple(image.shape)
        self._pixels = vector(tf.reshape(image, [-1]))
        self._gradient = vector(tf.zeros_like(self._pixels))
        self._losses = vector(tf.constant([np.nan]))
        self._steps = tf.Variable(0, dtype=tf.int64)

    @property
    def image(self) -> tf.Tensor:
        return tf.reshape(self._pixels, self._shape)

    @property
    def losses(self) -> np.ndarray:
        losses: np.ndarray = self._losses.numpy()
        return losses

    @property
    def steps(self) -> int:
        return int(self._steps)

    def start(self) -> None:
        losses, gradient = self._evaluate(self._pixels.read_value())
        self._losses.assign(losses)
        self._gradient.assign(gradient)

    def state(self) -> State:
        # Views: what a variable held stays as it was, if somebody looks at it.
        state = {name: _array(each) for name, each in self._variables().items()}
        state["evaluations"] = np.array(self.evaluations)
        state["image"] = state["image"].reshape(self._shape)
        return state

    def restore(self, state: State) -> None:
        for name, variable in self._variables().items():
            _assign(variable, state[name])
        self.evaluations = int(state["evaluations"])

    def _variables(self) -> Mapping[str, tf.Variable]:
        """Return all that changes, but for what has its default."""
        return {
            "image": self._pixels,
            "losses": self._losses,
            "gradient": self._gradient,
            "steps": self._steps,
        }

    def _evaluate(self, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return losses and flat gradient of a flat image."""
        self.evaluations += 1
        losses, gradient = self._value_and_gradient(tf.reshape(pixels, self._shape))
        return losses, tf.reshape(gradient, [-1])


def vector(values: tf.Tensor) -> tf.Variable:
    """Return a variable for vectors of any length."""
    return tf.Variable(values, shape=[None], trainable=False)


@tf.function(autograph=False)
def assign_all(
    steps: tf.Variable, variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]
) -> None:
    """Take a step: give variables their new values, and count it."""
    steps.assign_add(1)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _array(variable: tf.Variable) -> np.ndarray:
    array = np.asarray(variable.read_value())
    # NumPy's files do not know bfloat16: they hold its bits.
    return array.view(np.uint16) if array.dtype.kind == "V" else array


def _assign(variable: tf.Variable, array: np.ndarray) -> None:
    kind = variable.dtype.as_numpy_dtype
    array = array.view(kind) if kind == BFLOAT16 else array
    variable.assign(array.reshape(-1) if variable.shape.rank else array)


def is_finite(losses: tf.Tensor, gradient: tf.Tensor) -> bool:
    """Return whether the total and its gradient are; one sum tells of all numbers."""
    return math.isfinite(float(losses[0])) and bool(
        tf.math.is_finite(tf.reduce_sum(tf.abs(gradient)))
    )


def warn_not_finite(step: int) -> None:
    """Say that a step led to NaN or infinity and is taken back."""
    warnings.warn(
        f"after step {step} the objective was NaN or infinity; went back and shortened "
        "the next step",
        RuntimeWarning,
        stacklevel=3,
    )


def nothing_finite(step: int) -> FloatingPointError:
    """Return the error of an optimizer that found only NaN and infinity."""
    return FloatingPointError(
        f"no step from number {step} leads to a finite objective, however short; lower "
        "the weights in objective, or use precision=float32"
    )
