"""Work divided among the devices and processes that TensorFlow sees.

Several devices of one process form a `MirroredStrategy`. Where TF_CONFIG names several
processes they form a `MultiWorkerMirroredStrategy`: each runs the same program in step
with the others, and the first of them, the chief, writes the files.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.system.cluster import worker, workers
from tfstyle.system.devices import devices


class Replicas:
    """The replicas of a strategy; by default, the one of the only device."""

    def __init__(self, strategy: tf.distribute.Strategy | None = None) -> None:
        self.strategy = strategy or tf.distribute.get_strategy()
        self.count: int = self.strategy.num_replicas_in_sync

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a graph of `function(*shared, *own)` that runs on every replica.

        Called with the tuple `shared`, the same for all, and each replica's `own`.
        """
        run = self.strategy.run
        graph: Callable[..., Any] = tf.function(
            lambda shared, own: run(function, (*shared, *own)), autograph=False
        )
        return graph

    def each(
        self,
        compiled: Callable[..., Any],
        shared: Sequence[Any],
        items: Sequence[tuple[Any, ...]],
    ) -> Iterator[tuple[int, Any]]:
        """Yield the index and result of each item that this process computes.

        Args:
            compiled: from `compile`.
            shared: its first arguments.
            items: for each call the last ones, as tuples of arrays of one shape.
        """
        for first in range(0, len(items), self.count):
            mine: list[int] = []

            def take(context: Any, first: int = first, mine: list[int] = mine) -> Any:
                index = first + context.replica_id_in_sync_group
                mine.append(index)
                # The last round may have replicas to spare: they do the last one again.
                item = items[min(index, len(items) - 1)]
                return tuple(tf.constant(array) for array in item)

            own = self.strategy.experimental_distribute_values_from_function(take)
            results = self.strategy.experimental_local_results(compiled(shared, own))
            for index, result in zip(mine, results, strict=True):
                if index < len(items):
                    yield index, result

    def sum_over_processes(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of all processes' arrays, the same in each of them."""
        if len(workers()) < 2:
            return array
        own_arrays = iter([array])  # for the first replica; the others add zeros

        def take(context: Any) -> tf.Tensor:
            return tf.constant(next(own_arrays, np.zeros_like(array)))

        own = self.strategy.experimental_distribute_values_from_function(take)
        total = self.strategy.reduce(tf.distribute.ReduceOp.SUM, own, axis=None)
        return np.asarray(total)

    def least(self, number: float) -> float:
        """Return the least of all processes' numbers."""
        numbers = np.zeros(max(1, len(workers())))
        numbers[worker()] = number
        return float(self.sum_over_processes(numbers).min())


@functools.cache
def all_replicas() -> Replicas:
    """Return the replicas on all devices and processes that TensorFlow sees."""
    if len(workers()) > 1:
        return Replicas(tf.distribute.MultiWorkerMirroredStrategy())
    if len(devices()) > 1:
        return Replicas(tf.distribute.MirroredStrategy(devices()))
    return Replicas()
