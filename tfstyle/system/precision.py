"""The number format in which this machine computes convolutions fastest."""

import functools
import time


@functools.cache
def fastest_precision() -> str:
    """Return "bfloat16" where this device computes convolutions faster in it.

    Some CPUs and GPUs have instructions for it, others only emulate it, many times
    slower: one convolution as VGG19 has them is timed in both, in turn. Else "float32".
    """
    seconds = {"float32": float("inf"), "bfloat16": float("inf")}
    for _ in range(16):  # in turn, so that other work on the machine disturbs both
        for name in seconds:
            seconds[name] = min(seconds[name], _convolution_seconds(name))
    faster = seconds["float32"] > 1.25 * seconds["bfloat16"]
    return "bfloat16" if faster else "float32"


def _convolution_seconds(dtype: str) -> float:
    import tensorflow as tf

    features, kernel = (
        tf.ones((1, 64, 64, 128), dtype),
        tf.ones((3, 3, 128, 128), dtype),
    )
    began = time.perf_counter()
    tf.nn.conv2d(features, kernel, 1, "SAME").numpy()
    return time.perf_counter() - began
