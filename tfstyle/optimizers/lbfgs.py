"""Limited-memory BFGS inside [0, 1]."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfstyle import config
from tfstyle.optimizers.base import (
    MAX_TRIALS,
    Base,
    State,
    ValueAndGradient,
    is_finite,
    nothing_finite,
    vector,
    warn_not_finite,
)

PATIENCE = 10  # steps that together lower the total by less than the tolerance
SUFFICIENT = 1e-4  # of the decrease that the gradient promises (Armijo)
FIRST_CHANGE = 0.01  # mean change of a pixel in the first step, a fraction of its range
MIN_COSINE = 1e-6  # between s and y, for the pair to be used
TINY = 1e-30  # keeps quotients finite at a stationary point
BLOCK = 1 << 13  # numbers of each vector whose products are one task for a processor
CHUNK = 8 * BLOCK  # numbers of each that are in memory a second time


class LBFGS(Base):
    """Limited-memory BFGS (Liu & Nocedal 1989), projected onto [0, 1].

    Pixels at a bound that the gradient pushes outwards are held for the step; the
    others move along the quasi-Newton direction of the free subspace (two-metric
    projection, Bertsekas 1982), and the line search bends the path at the bounds, so
    that each value it sees is that of a picture that could be saved.

    The direction is a combination of the last `history` pairs s (how the image changed)
    and y (how its gradient did) and the gradient, whose coefficients depend on their
    inner products alone (vector-free L-BFGS, Chen, Wang & Zhou 2014): the vectors are
    read twice, whatever the history.
    """

    def __init__(
        self,
        options: config.Optimizer,
        value_and_gradient: ValueAndGradient,
        image: tf.Tensor,
    ) -> None:
        super().__init__(options, value_and_gradient, image)
        size = -(-math.prod(self._shape) // BLOCK) * BLOCK  # ends in zeros
        zeros = tf.zeros(size, options.history_precision)
        self._s = [vector(zeros) for _ in range(options.history)]
        self._y = [vector(zeros) for _ in range(options.history)]
        self._pairs = tf.Variable(0, dtype=tf.int64)  # how many were stored so far
        self._mark = tf.Variable(np.nan)  # the total when progress was last checked
        self._converged = tf.Variable(False)

    @property
    def converged(self) -> bool:
        return bool(self._converged)

    def start(self) -> None:
        super().start()
        self._mark.assign(self._losses[0])

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

    def restore(self, state: State) -> None:
        self._pairs.assign(state["pairs"])  # which tells how many vectors there are
        super().restore(state)

    def _variables(self) -> Mapping[str, tf.Variable]:
        stored = min(int(self._pairs), len(self._s))
        return {
            **super()._variables(),
            **{f"s/{i}": self._s[i] for i in range(stored)},
            **{f"y/{i}": self._y[i] for i in range(stored)},
            "pairs": self._pairs,
            "mark": self._mark,
            "converged": self._converged,
        }

    def _direction(self) -> tf.Tensor:
        """Return minus the inverse Hessian's estimate times the gradient, flat."""
        vectors, history = [*self._s, *self._y], len(self._s)
        products, mean = _inner_products(vectors, self._gradient, self._pixels)
        newest = int(self._pairs) - 1
        slots = [(newest - age) % history for age in range(min(newest + 1, history))]
        # Until curvature is known, a pixel changes by FIRST_CHANGE on average.
        first = FIRST_CHANGE / (float(mean) + TINY)
        weights = two_loops(products.numpy(), slots, first).astype(np.float32)
        direction: tf.Tensor = _combination(
            vectors, tf.constant(weights), self._gradient, self._pixels
        )
        return direction

    def _line_search(
        self, direction: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None:
        """Shorten the step until the objective falls by a fraction of what is promised.

        Returns:
            Losses, image and gradient there, or None if nothing lower was found.
        """
        start, length = float(self._losses[0]), 1.0
        finite: list[bool] = []
        for _ in range(MAX_TRIALS):
            pixels, slope = _moved(
                self._pixels, self._gradient, direction, tf.constant(length)
            )
            promised = float(slope)
            if not math.isfinite(promised):
                raise nothing_finite(self.steps)
            if promised >= 0:
                break
            losses, gradient = self._evaluate(pixels)
            change = float(losses[0]) - start
            finite.append(is_finite(losses, gradient))
            if not finite[-1]:
                warn_not_finite(self.steps)
            elif change <= SUFFICIENT * promised:
                return losses, pixels, gradient
            length *= _shorter(promised, change)
        if finite and not any(finite):
            raise nothing_finite(self.steps)
        return None

    def _accept(
        self, losses: tf.Tensor, pixels: tf.Tensor, gradient: tf.Tensor
    ) -> None:
        slot = int(self._pairs) % len(self._s)
        _store(
            (self._s[slot], self._y[slot], self._pixels, self._gradient, self._losses),
            (self._steps, self._pairs, self._mark, self._converged),
            (pixels, gradient, losses),
            tf.constant(self._options.tolerance, tf.float32),
        )


def two_loops(
    products: np.ndarray, newest_first: Sequence[int], first_scale: float
) -> np.ndarray:
    """Return the direction's coefficients over s_0 .. s_m-1, y_0 .. y_m-1 and gradient.

    The two loops of Nocedal & Wright (2006, algorithm 7.4), for a vector that is known
    by its coefficients, and whose inner products are those of the basis.

    Args:
        products: of each two of the 2 m + 1 vectors, float64.
        newest_first: indices of the pairs stored; those without curvature are skipped.
        first_scale: of the steepest descent where no pair is left.
    """
    history = len(products) // 2
    weights = np.zeros(len(products))
    weights[-1] = -1.0
    scale, used = None, []
    for s in newest_first:
        y = history + s
        curvature, squared = products[s, y], products[y, y]
        if curvature <= MIN_COSINE * math.sqrt(squared * products[s, s]) + TINY:
            continue
        if scale is None:
            scale = curvature / (squared + TINY)
        alpha = products[s] @ weights / curvature
        weights[y] -= alpha
        used.append((s, y, alpha, curvature))
    weights *= first_scale if scale is None else scale
    for s, y, alpha, curvature in reversed(used):
        weights[s] += alpha - products[y] @ weights / curvature
    return weights


def _shorter(promised: float, change: float) -> float:
    """Return where the parabola through what is known is lowest, within reason."""
    lowest = -0.5 * promised / (change - promised)
    return min(max(lowest, 0.1), 0.5) if math.isfinite(lowest) else 0.1


def _free(gradient: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
    """Return 1 for each pixel that may move, 0 where a bound holds it."""
    held = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
    return tf.where(held, 0.0, 1.0)


def _padded(values: tf.Tensor) -> tf.Tensor:
    """Return a vector with zeros at its end, in whole blocks."""
    return tf.pad(values, [[0, -tf.size(values) % BLOCK]])


def _chunk(vectors: Sequence[tf.Tensor], first: tf.Tensor) -> tf.Tensor:
    """Return a part of all vectors, (blocks, vectors, BLOCK), in float32.

    A matrix product of few long rows uses one processor, those of many blocks use all.
    """
    size = tf.minimum(CHUNK, tf.size(vectors[0]) - first)
    parts = [tf.cast(tf.slice(each, [first], [size]), tf.float32) for each in vectors]
    return tf.stack([tf.reshape(part, (-1, BLOCK)) for part in parts], axis=1)


@tf.function(autograph=False)
def _inner_products(
    history: Sequence[tf.Variable], gradient: tf.Variable, pixels: tf.Variable
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the inner products of history and gradient over the free pixels.

    Returns:
        Those of each two, float64, the gradient last; and its mean absolute value.
    """
    free = _padded(_free(gradient, pixels))
    vectors = [*(each.read_value() for each in history), _padded(gradient)]
    count = len(vectors)

    def add(first: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = _chunk(vectors, first)
        products = tf.matmul(rows * _chunk([free], first), rows, transpose_b=True)
        return first + CHUNK, total + tf.reduce_sum(tf.cast(products, tf.float64), 0)

    _, total = tf.while_loop(
        lambda first, _: first < tf.size(free),
        add,
        (tf.constant(0), tf.zeros((count, count), tf.float64)),
        parallel_iterations=1,
    )
    slope = tf.reduce_sum(tf.abs(vectors[-1] * free))
    return total, slope / tf.cast(tf.size(gradient), tf.float32)


@tf.function(autograph=False)
def _combination(
    history: Sequence[tf.Variable],
    weights: tf.Tensor,
    gradient: tf.Variable,
    pixels: tf.Variable,
) -> tf.Tensor:
    """Return the weighted sum of history and gradient over the free pixels."""
    vectors = [*(each.read_value() for each in history), _padded(gradient)]
    chunks = -(-tf.size(vectors[-1]) // CHUNK)
    parts = tf.TensorArray(tf.float32, chunks, infer_shape=False, element_shape=[None])

    def add(
        index: tf.Tensor, parts: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.TensorArray]:
        rows = _chunk(vectors, index * CHUNK)
        part = tf.matmul(weights[None, None], rows)
        return index + 1, parts.write(index, tf.reshape(part, [-1]))

    _, parts = tf.while_loop(
        lambda index, _: index < chunks,
        add,
        (tf.constant(0), parts),
        parallel_iterations=1,
    )
    return parts.concat()[: tf.size(gradient)] * _free(gradient, pixels)


@tf.function(autograph=False)
def _moved(
    pixels: tf.Variable, gradient: tf.Variable, direction: tf.Tensor, length: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the image at a step's length, and the change its gradient promises."""
    moved = tf.clip_by_value(pixels + length * direction, 0.0, 1.0)
    return moved, tf.reduce_sum(gradient * (moved - pixels))


@tf.function(autograph=False)
def _store(
    vectors: Sequence[tf.Variable],
    scalars: Sequence[tf.Variable],
    new: Sequence[tf.Tensor],
    tolerance: tf.Tensor,
) -> None:
    """Take a step: all that it changes, and whether it was of any use."""
    s, y, pixels, gradient, losses = vectors
    steps, pairs, mark, converged = scalars
    new_pixels, new_gradient, new_losses = new
    s.assign(tf.cast(_padded(new_pixels - pixels), s.dtype))
    y.assign(tf.cast(_padded(new_gradient - gradient), y.dtype))
    pixels.assign(new_pixels)
    gradient.assign(new_gradient)
    losses.assign(new_losses)
    pairs.assign_add(1)
    steps.assign_add(1)
    look = steps % PATIENCE == 0
    stalled = new_losses[0] > mark * (1 - tolerance)
    converged.assign(tf.where(look, stalled, converged))
    mark.assign(tf.where(look, new_losses[0], mark))
