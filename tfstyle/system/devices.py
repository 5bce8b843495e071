"""TensorFlow's devices: chosen by TensorFlow, named and set up for a run here."""

import contextlib
import functools
import logging
import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np


def devices() -> list[str]:
    """Return the devices of this process that share the work: GPUs, else CPUs."""
    import tensorflow as tf

    found = tf.config.list_logical_devices("GPU")
    found = found or tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def device_name() -> str:
    """Return the device that TensorFlow will place the work on, such as "CPU"."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return f"CPU ({os.cpu_count()} cores)"
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"GPU ({details.get('device_name', gpus[0].name)})"


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """Set TensorFlow and Keras up for a run, and leave them as they were.

    In this block every operation is deterministic (else a GPU may sum in another order
    each time, and runs would differ), Keras' defaults are float32 and channels last,
    and GPU memory grows as needed (else TensorFlow takes all of it at once). Afterwards
    these are what they were before. Only the growth cannot be taken back once
    TensorFlow has started a GPU.

    Blocks may be nested, and threads may be in one at the same time: what belongs to
    the process is restored when the last of them ends. Entering and leaving take less
    than a millisecond.
    """
    import keras

    with _process_set_up, _restoring(_dtype_policy, _set_dtype_policy):
        keras.config.set_dtype_policy("float32")
        yield


@contextlib.contextmanager
def drawing_nothing() -> Iterator[None]:
    """Restore the states of `random`, from which Keras' initializers draw, and NumPy's.

    Only around what builds layers: other threads may draw meanwhile.
    """
    read = functools.partial(np.random.get_state, legacy=False)
    with (
        _restoring(random.getstate, random.setstate),
        _restoring(read, np.random.set_state),
    ):
        yield


def _dtype_policy() -> Any:
    # Not by keras.config.dtype_policy, which sets one where the program has set none;
    # from then on Keras would not follow keras.config.set_floatx.
    from keras.src.backend.common.global_state import get_global_attribute

    return get_global_attribute("dtype_policy")


def _set_dtype_policy(policy: Any) -> None:
    from keras.src.backend.common.global_state import set_global_attribute

    set_global_attribute("dtype_policy", policy)


class _Shared:
    """A context that is entered by the first block that needs it, left by the last."""

    def __init__(self, make: Callable[[], AbstractContextManager[None]]) -> None:
        self._make, self._lock, self._blocks = make, threading.RLock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._blocks:
                self._context = self._make()
                self._context.__enter__()
            self._blocks += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                self._context.__exit__(None, None, None)


@contextlib.contextmanager
def _set_up_process() -> Iterator[None]:
    """Set and restore what is the same for all threads of the process."""
    from keras import config
    from tensorflow.python.framework.config import is_op_determinism_enabled

    with (
        _growing_gpu_memory(),
        _without_retracing_warnings(),
        _restoring(is_op_determinism_enabled, _set_determinism),
        _restoring(config.image_data_format, config.set_image_data_format),
    ):
        _set_determinism(True)
        config.set_image_data_format("channels_last")
        yield


_process_set_up = _Shared(_set_up_process)


@contextlib.contextmanager
def _restoring(read: Callable[[], Any], write: Callable[[Any], Any]) -> Iterator[None]:
    before = read()
    try:
        yield
    finally:
        write(before)


def _set_determinism(on: bool) -> None:
    # TensorFlow has no public name for the way back.
    from tensorflow.python.framework import config

    if on:
        config.enable_op_determinism()
    else:
        config.disable_op_determinism()


@contextlib.contextmanager
def _growing_gpu_memory() -> Iterator[None]:
    import tensorflow as tf

    read = tf.config.experimental.get_memory_growth
    before = {gpu: read(gpu) for gpu in tf.config.list_physical_devices("GPU")}
    _set_memory_growth(dict.fromkeys(before, True))
    try:
        yield
    finally:
        _set_memory_growth(before)


def _set_memory_growth(growth: dict[Any, bool | None]) -> None:
    import tensorflow as tf

    for gpu, grows in growth.items():
        # Refused for a GPU that is in use already, or that the program has divided.
        with contextlib.suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(gpu, grows)


@contextlib.contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    import tensorflow as tf

    logger = tf.get_logger()
    logger.addFilter(_not_about_retracing)
    try:
        yield
    finally:
        logger.removeFilter(_not_about_retracing)


def _not_about_retracing(record: logging.LogRecord) -> bool:
    # Each size of a run traces its graphs once, which TensorFlow takes for a mistake.
    return "retracing" not in str(record.msg)
