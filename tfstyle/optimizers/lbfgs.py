"""Adam and L-BFGS behind one signature; both keep the image inside [0, 1].

An optimizer owns the image. `start` evaluates it, each `step` changes it and returns
the losses of the image as it is now, which is the one that would be saved. All vectors
stay in TensorFlow, on the device that it chose; only scalars reach Python. All that a
step changes is changed by one graph, which no interrupt can cut in two.
"""

import math
import warnings
from collections.abc import Callable
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfstyle.config import schema as config
from tfstyle.objective.whole import Losses

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
    """Kingma & Ba (2015, algorithm 1), as Keras writes it; steps end in [0, 1].

    Written out because a step must be taken back if it leads nowhere finite: moments
    and image change only once the new image has been evaluated.
    """

    def __init__(
        self,
        options: config.Optimizer,
        value_and_gradient: ValueAndGradient,
        image: tf.Tensor,
    ) -> None:
        self.image = tf.Variable(image)
        self.evaluations = 0
        self.converged = False
        self._options = options
        self._losses = tf.Variable([np.nan] * 4, dtype=tf.float32)
        self._gradient = tf.Variable(tf.zeros_like(image))
        self._mean = tf.Variable(tf.zeros_like(image))
        self._square = tf.Variable(tf.zeros_like(image))
        self._steps = tf.Variable(0, dtype=tf.int64)
        self._value_and_gradient = value_and_gradient

    @property
    def losses(self) -> Losses:
        return Losses(*self._losses.numpy())

    @property
    def steps(self) -> int:
        return int(self._steps)

    def start(self) -> None:
        losses, gradient = self._evaluate(self.image.read_value())
        self._losses.assign(tf.stack(losses))
        self._gradient.assign(gradient)

    def step(self) -> None:
        length = 1.0
        for _ in range(MAX_TRIALS):
            image = self._move(tf.constant(length))
            losses, gradient = self._evaluate(image)
            if _finite(losses, gradient):
                self._accept(losses, image, gradient)
                return
            _say_taken_back(self.steps)
            length /= 2
        raise _nothing_finite(self.steps)

    def state(self) -> State:
        return _save(self._variables(), self)

    def restore(self, state: State) -> None:
        _restore(self._variables(), self, state)

    def _variables(self) -> dict[str, tf.Variable]:
        return {
            "image": self.image,
            "losses": self._losses,
            "gradient": self._gradient,
            "mean": self._mean,
            "square": self._square,
            "steps": self._steps,
        }

    def _evaluate(self, image: tf.Tensor) -> tuple[Losses, tf.Tensor]:
        self.evaluations += 1
        return self._value_and_gradient(image)

    def _moments(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the decaying means of the gradient and of its square."""
        options, gradient = self._options, self._gradient
        mean = self._mean + (gradient - self._mean) * (1 - options.beta_1)
        square = self._square + (gradient**2 - self._square) * (1 - options.beta_2)
        return mean, square

    @tf.function(autograph=False)
    def _move(self, length: tf.Tensor) -> tf.Tensor:
        options = self._options
        time = tf.cast(self._steps + 1, tf.float32)
        unbiased = tf.sqrt(1 - options.beta_2**time) / (1 - options.beta_1**time)
        mean, square = self._moments()
        move = options.learning_rate * unbiased * mean
        move /= tf.sqrt(square) + options.epsilon
        return tf.clip_by_value(self.image - length * move, 0.0, 1.0)

    @tf.function(autograph=False)
    def _accept(self, losses: Losses, image: tf.Tensor, gradient: tf.Tensor) -> None:
        mean, square = self._moments()
        self._mean.assign(mean)
        self._square.assign(square)
        self._steps.assign_add(1)
        self.image.assign(image)
        self._losses.assign(tf.stack(losses))
        self._gradient.assign(gradient)


class LBFGS:
    """Limited-memory BFGS (Liu & Nocedal 1989), projected onto [0, 1].

    Pixels at a bound that the gradient pushes outwards are held for the step; the
    others move along the quasi-Newton direction of the free subspace (two-metric
    projection, Bertsekas 1982), and the line search bends the path at the bounds, so
    that each value it sees is that of a picture that could be saved.

    The last `history` moves s and gradient changes y are kept as variables of (1, h, w,
    3), made when they are first needed and then used in turn. Each is read by a graph
    call of its own, so that no more than one pair is in memory a second time.
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
        self._history, self._kind = options.history, options.history_precision
        self._kept: list[tuple[tf.Variable, tf.Variable]] = []  # moves and changes
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
            if self._pairs == len(self._kept) < self._history:
                self._keep_another()
            self._accept(*found, *self._kept[int(self._pairs) % self._history])

    def state(self) -> State:
        return _save(self._variables(), self)

    def restore(self, state: State) -> None:
        while f"move/{len(self._kept)}" in state:
            self._keep_another()
        _restore(self._variables(), self, state)

    def _keep_another(self) -> None:
        zeros = tf.zeros(self.image.shape, self._kind)
        self._kept.append((tf.Variable(zeros), tf.Variable(zeros)))

    def _variables(self) -> dict[str, tf.Variable]:
        return {
            "image": self.image,
            "losses": self._losses,
            "gradient": self._gradient,
            **{f"move/{i}": move for i, (move, _) in enumerate(self._kept)},
            **{f"change/{i}": change for i, (_, change) in enumerate(self._kept)},
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
        finite: list[bool] = []
        for _ in range(MAX_TRIALS):
            image, slope = self._move(direction, tf.constant(length))
            promised = float(slope)
            if not math.isfinite(promised):
                raise _nothing_finite(self.steps)
            if promised >= 0:
                break
            losses, gradient = self._evaluate(image)
            change = float(losses.total) - start
            finite.append(_finite(losses, gradient))
            if not finite[-1]:
                _say_taken_back(self.steps)
            elif change <= SUFFICIENT * promised:
                return losses, image, gradient
            # The minimum of the parabola through what is known, kept within reason.
            parabola = -0.5 * promised / (change - promised)
            length *= min(max(parabola, 0.1), 0.5) if math.isfinite(parabola) else 0.1
        if finite and not any(finite):
            raise _nothing_finite(self.steps)
        return None

    @tf.function(autograph=False)
    def _move(
        self, direction: tf.Tensor, length: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the image at a step's length, and the change its gradient promises."""
        image = tf.clip_by_value(self.image + length * direction, 0.0, 1.0)
        return image, tf.reduce_sum(self._gradient * (image - self.image))

    def _direction(self) -> tf.Tensor:
        """Return minus the inverse Hessian's estimate times the gradient, (1, h, w, 3).

        The two loops of Nocedal & Wright (2006, algorithm 7.4) over the free pixels.
        """
        direction, free, scale = self._steepest()
        newest = int(self._pairs) - 1
        ages = range(min(newest + 1, self._history))
        pairs = [self._kept[(newest - age) % self._history] for age in ages]
        shares, known = [], tf.constant(False)
        for pair in pairs:
            direction, scale, known, *share = self._backward(
                direction, scale, known, free, *pair
            )
            shares.append(share)
        direction = direction * scale
        for pair, share in zip(reversed(pairs), reversed(shares), strict=True):
            direction = self._forward(direction, free, *pair, *share)
        return direction

    @tf.function(autograph=False)
    def _steepest(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return the steepest descent, which pixels are free, and the first scale."""
        image, gradient = self.image, self._gradient
        held = ((image <= 0) & (gradient > 0)) | ((image >= 1) & (gradient < 0))
        direction = tf.where(held, 0.0, -gradient)
        # Until curvature is known, a pixel changes by FIRST_CHANGE on average.
        scale = FIRST_CHANGE / (tf.reduce_mean(tf.abs(direction)) + TINY)
        return direction, ~held, scale

    @staticmethod
    @tf.function(autograph=False)
    def _backward(
        direction: tf.Tensor,
        scale: tf.Tensor,
        known: tf.Tensor,
        free: tf.Tensor,
        move: tf.Variable,
        change: tf.Variable,
    ) -> tuple[tf.Tensor, ...]:
        """Take a pair into account on the way from the newest to the oldest."""
        move, change = _among(free, move), _among(free, change)
        curvature, squared = _dot(move, change), _dot(change, change)
        valid = curvature > MIN_COSINE * tf.sqrt(squared * _dot(move, move)) + TINY
        inverse = tf.where(valid, 1 / tf.where(valid, curvature, 1.0), 0.0)
        share = inverse * _dot(move, direction)
        scale = tf.where(valid & ~known, curvature / (squared + TINY), scale)
        return direction - share * change, scale, known | valid, share, inverse

    @staticmethod
    @tf.function(autograph=False)
    def _forward(
        direction: tf.Tensor,
        free: tf.Tensor,
        move: tf.Variable,
        change: tf.Variable,
        share: tf.Tensor,
        inverse: tf.Tensor,
    ) -> tf.Tensor:
        """Take a pair into account on the way back."""
        move, change = _among(free, move), _among(free, change)
        return direction + (share - inverse * _dot(change, direction)) * move

    @tf.function(autograph=False)
    def _accept(
        self,
        losses: Losses,
        image: tf.Tensor,
        gradient: tf.Tensor,
        move: tf.Variable,
        change: tf.Variable,
    ) -> None:
        move.assign(tf.cast(image - self.image, move.dtype))
        change.assign(tf.cast(gradient - self._gradient, move.dtype))
        self._pairs.assign_add(1)
        self.image.assign(image)
        self._losses.assign(tf.stack(losses))
        self._gradient.assign(gradient)
        self._steps.assign_add(1)
        look = self._steps % PATIENCE == 0
        enough = self._mark * (1 - self._tolerance)
        converged = tf.where(look, losses.total > enough, self._converged)
        self._converged.assign(converged)
        self._mark.assign(tf.where(look, losses.total, self._mark))


PATIENCE = 10  # steps that together lower the total by less than the tolerance
MAX_TRIALS = 12  # of a line search
SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo)
FIRST_CHANGE = 0.01  # mean change of a pixel in the first step, as a share of its range
MIN_COSINE = 1e-6  # between a move and its gradient change, for the pair to be used
TINY = 1e-30  # keeps quotients finite at a stationary point


BFLOAT16 = tf.bfloat16.as_numpy_dtype


def _finite(losses: Losses, gradient: tf.Tensor) -> bool:
    # One NaN or infinity in a sum makes it one, at the cost of reading it once.
    return math.isfinite(float(losses.total)) and bool(
        tf.math.is_finite(tf.reduce_sum(tf.abs(gradient)))
    )


def _say_taken_back(step: int) -> None:
    warnings.warn(
        f"after step {step} the objective was not finite; went back and shortened the "
        "next step",
        RuntimeWarning,
        stacklevel=3,
    )


def _nothing_finite(step: int) -> FloatingPointError:
    return FloatingPointError(
        f"no step from number {step} leads to a finite objective, however short; lower "
        "the weights in objective, or use precision=float32"
    )


def _among(free: tf.Tensor, vector: tf.Variable) -> tf.Tensor:
    """Return a vector over the free pixels, in float32."""
    return tf.where(free, tf.cast(vector, tf.float32), 0.0)


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b)


def _save(variables: dict[str, tf.Variable], optimizer: Optimizer) -> State:
    """Return copies of all that changes as the optimizer runs."""
    state: State = {"evaluations": np.array(optimizer.evaluations)}
    for name, variable in variables.items():
        # A view: what a variable held stays as it was, if somebody looks at it.
        array = np.asarray(variable.read_value())
        # NumPy's files do not know bfloat16: they hold its bits.
        state[name] = array.view(np.uint16) if array.dtype.kind == "V" else array
    return state


def _restore(
    variables: dict[str, tf.Variable], optimizer: Optimizer, state: State
) -> None:
    for name, variable in variables.items():
        kind = variable.dtype.as_numpy_dtype
        variable.assign(state[name].view(kind) if kind == BFLOAT16 else state[name])
    optimizer.evaluations = int(state["evaluations"])
