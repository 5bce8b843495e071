"""Adam and L-BFGS behind one signature; both keep the image inside [0, 1].

An optimizer owns the image. `start` evaluates it, each `step` changes it and returns
the losses of the image as it is now, which is the one that would be saved. All vectors
stay in TensorFlow, on the device that it chose; only scalars reach Python. All that a
step changes is changed by one graph, which no interrupt can cut in two.
"""

import math
from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from tfstyle import config
from tfstyle.objective import Losses

ValueAndGradient = Callable[[tf.Tensor], tuple[Losses, tf.Tensor]]
State = dict[str, np.ndarray]


class Optimizer(Protocol):
    """What the loop and the checkpoints know of an optimizer."""

    image: tf.Variable  # (1, h, w, 3), in [0, 1]
    evaluations: int  # of the objective, so far

    @property
    def losses(self) -> Losses:
        """Of the image as it is."""

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


def make_optimizer(
    options: config.Optimizer, value_and_gradient: ValueAndGradient, image: tf.Tensor
) -> Optimizer:
    """Return the optimizer that `options` names, at an image (1, h, w, 3) in [0, 1]."""
    kind = Adam if options.name == "adam" else LBFGS
    return kind(options, value_and_gradient, image)


class Adam:
    """Kingma & Ba (2015), by Keras; each step ends with a clip to [0, 1]."""

    def __init__(
        self,
        options: config.Optimizer,
        value_and_gradient: ValueAndGradient,
        image: tf.Tensor,
    ) -> None:
        self.image = tf.Variable(image)
        self.evaluations = 0
        self.converged = False
        self._losses = tf.Variable([np.nan] * 4, dtype=tf.float32)
        self._gradient = tf.Variable(tf.zeros_like(image))
        self._value_and_gradient = value_and_gradient
        self._adam = keras.optimizers.Adam(
            options.learning_rate, options.beta_1, options.beta_2, options.epsilon
        )
        self._adam.build([self.image])

    @property
    def losses(self) -> Losses:
        return Losses(*self._losses.numpy())

    @property
    def steps(self) -> int:
        return int(self._adam.iterations)

    def start(self) -> None:
        self.evaluations += 1
        self._evaluate()

    def step(self) -> None:
        self.evaluations += 1
        self._train_step()

    @tf.function
    def _train_step(self) -> None:
        self._adam.apply_gradients([(self._gradient, self.image)])
        self.image.assign(tf.clip_by_value(self.image, 0.0, 1.0))
        self._evaluate()

    def _evaluate(self) -> None:
        losses, gradient = self._value_and_gradient(self.image.read_value())
        self._losses.assign(tf.stack(losses))
        self._gradient.assign(gradient)

    def state(self) -> State:
        return _save(self._variables(), self)

    def restore(self, state: State) -> None:
        _restore(self._variables(), self, state)

    def _variables(self) -> dict[str, tf.Variable]:
        moments = {f"adam/{i}": v.value for i, v in enumerate(self._adam.variables)}
        return {
            "image": self.image,
            "losses": self._losses,
            "gradient": self._gradient,
            **moments,
        }


class LBFGS:
    """Limited-memory BFGS (Liu & Nocedal 1989), projected onto [0, 1].

    Pixels at a bound that the gradient pushes outwards are held for the step; the
    others move along the quasi-Newton direction of the free subspace (two-metric
    projection, Bertsekas 1982), and the line search bends the path at the bounds, so
    that each value it sees is that of a picture that could be saved.

    The last `history` moves s and gradient changes y live in TensorFlow variables of
    (history, 1, h, w, 3), used as rings.
    """

    def __init__(
        self,
        options: config.Optimizer,
        value_and_gradient: ValueAndGradient,
        image: tf.Tensor,
    ) -> None:
        self.image = tf.Variable(image)
        self.evaluations = 0
        self._losses = tf.Variable([np.nan] * 4, dtype=tf.float32)
        self._gradient = tf.Variable(tf.zeros_like(image))
        self._value_and_gradient = value_and_gradient
        ring = tf.zeros((options.history, *image.shape))
        self._moves = tf.Variable(ring)
        self._changes = tf.Variable(ring)
        self._pairs = tf.Variable(0, dtype=tf.int64)  # how many were stored so far
        self._tolerance = options.tolerance
        self._steps = tf.Variable(0, dtype=tf.int64)
        self._mark = tf.Variable(np.nan)  # the total when progress was last checked
        self._converged = tf.Variable(False)

    @property
    def losses(self) -> Losses:
        return Losses(*self._losses.numpy())

    @property
    def steps(self) -> int:
        return int(self._steps)

    @property
    def converged(self) -> bool:
        return bool(self._converged)

    def start(self) -> None:
        losses, gradient = self._evaluate(self.image.read_value())
        self._losses.assign(tf.stack(losses))
        self._gradient.assign(gradient)
        self._mark.assign(losses.total)

    def step(self) -> None:
        found = self._line_search(self._direction())
        if found is None and self._pairs > 0:
            # The curvature learnt so far misleads: begin again with the gradient.
            self._pairs.assign(0)
            found = self._line_search(self._direction())
        if found is None:
            self._converged.assign(True)
        else:
            self._accept(*found)

    def state(self) -> State:
        return _save(self._variables(), self)

    def restore(self, state: State) -> None:
        _restore(self._variables(), self, state)

    def _variables(self) -> dict[str, tf.Variable]:
        return {
            "image": self.image,
            "losses": self._losses,
            "gradient": self._gradient,
            "moves": self._moves,
            "changes": self._changes,
            "pairs": self._pairs,
            "steps": self._steps,
            "mark": self._mark,
            "converged": self._converged,
        }

    def _evaluate(self, image: tf.Tensor) -> tuple[Losses, tf.Tensor]:
        self.evaluations += 1
        return self._value_and_gradient(image)

    def _line_search(
        self, direction: tf.Tensor
    ) -> tuple[Losses, tf.Tensor, tf.Tensor] | None:
        """Shorten the step until the objective falls by a share of what was promised.

        Returns:
            Losses, image and gradient there, or None if nothing lower was found.
        """
        start, length = float(self._losses[0]), 1.0
        for _ in range(MAX_TRIALS):
            image, slope = self._move(direction, tf.constant(length))
            promised = float(slope)
            if not promised < 0:
                return None
            losses, gradient = self._evaluate(image)
            change = float(losses.total) - start
            if change <= SUFFICIENT * promised:
                return losses, image, gradient
            # The minimum of the parabola through what is known, kept within reason.
            parabola = -0.5 * promised / (change - promised)
            length *= min(max(parabola, 0.1), 0.5) if math.isfinite(parabola) else 0.1
        return None

    @tf.function
    def _move(
        self, direction: tf.Tensor, length: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the image at a step's length, and the change its gradient promises."""
        image = tf.clip_by_value(self.image + length * direction, 0.0, 1.0)
        return image, tf.reduce_sum(self._gradient * (image - self.image))

    @tf.function
    def _direction(self) -> tf.Tensor:
        """Return minus the inverse Hessian's estimate times the gradient, (1, h, w, 3).

        The two loops of Nocedal & Wright (2006, algorithm 7.4) over the free pixels.
        """
        image, gradient = self.image, self._gradient
        held = ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))
        free = tf.cast(~held, tf.float32)
        direction = -gradient * free
        # Until curvature is known, a pixel changes by FIRST_CHANGE on average.
        scale = FIRST_CHANGE / (tf.reduce_mean(tf.abs(direction)) + TINY)
        history = self._moves.shape[0]
        count = tf.minimum(self._pairs, history)
        shares, inverses, known = tf.zeros(history), tf.zeros(history), False
        # Loops of TensorFlow's, not unrolled: one pair at a time is in memory.
        for age in tf.range(count):  # the newest first
            move, change = self._pair(age, free)
            curvature, squared = _dot(move, change), _dot(change, change)
            valid = curvature > MIN_COSINE * tf.sqrt(squared * _dot(move, move)) + TINY
            inverse = tf.where(valid, 1 / tf.where(valid, curvature, 1.0), 0.0)
            share = inverse * _dot(move, direction)
            direction -= share * change
            scale = tf.where(valid & ~known, curvature / (squared + TINY), scale)
            known |= valid
            shares = tf.tensor_scatter_nd_update(shares, [[age]], [share])
            inverses = tf.tensor_scatter_nd_update(inverses, [[age]], [inverse])
        direction *= scale
        for age in tf.range(count - 1, -1, -1):
            move, change = self._pair(age, free)
            direction += (shares[age] - inverses[age] * _dot(change, direction)) * move
        return direction

    def _pair(self, age: tf.Tensor, free: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return move and gradient change of `age` steps ago, over the free pixels."""
        slot = (self._pairs - 1 - age) % self._moves.shape[0]
        move, change = tf.gather(self._moves, slot), tf.gather(self._changes, slot)
        return move * free, change * free

    @tf.function
    def _accept(self, losses: Losses, image: tf.Tensor, gradient: tf.Tensor) -> None:
        slot = [[self._pairs % self._moves.shape[0]]]
        self._moves.scatter_nd_update(slot, [image - self.image])
        self._changes.scatter_nd_update(slot, [gradient - self._gradient])
        self._pairs.assign_add(1)
        self.image.assign(image)
        self._losses.assign(tf.stack(losses))
        self._gradient.assign(gradient)
        self._steps.assign_add(1)
        if self._steps % PATIENCE == 0:
            enough = self._mark * (1 - self._tolerance)
            self._converged.assign(losses.total > enough)
            self._mark.assign(losses.total)


PATIENCE = 10  # steps that together lower the total by less than the tolerance
MAX_TRIALS = 12  # of a line search
SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo)
FIRST_CHANGE = 0.01  # mean change of a pixel in the first step, as a share of its range
MIN_COSINE = 1e-6  # between a move and its gradient change, for the pair to be used
TINY = 1e-30  # keeps quotients finite at a stationary point


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b)


def _save(variables: dict[str, tf.Variable], optimizer: Optimizer) -> State:
    """Return copies of all that changes as the optimizer runs."""
    return {
        **{name: np.array(variable.numpy()) for name, variable in variables.items()},
        "evaluations": np.array(optimizer.evaluations),
    }


def _restore(
    variables: dict[str, tf.Variable], optimizer: Optimizer, state: State
) -> None:
    for name, variable in variables.items():
        variable.assign(state[name])
    optimizer.evaluations = int(state["evaluations"])
