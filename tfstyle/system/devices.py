"""TensorFlow's devices: chosen by TensorFlow, prepared and named here."""

import contextlib
import functools
import json
import logging
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator

from tfstyle.system.quiet import quiet_stderr


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Keep what TensorFlow's C++ libraries print while they are loaded off the screen.

    They write some lines to stderr before any log level is read. If the import fails,
    what they wrote is shown after all.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr(unless_it_fails=True):
        yield


def prepare() -> None:
    """Let GPU memory grow as needed, and make every operation deterministic.

    Without growth TensorFlow takes all of a GPU's memory at once; without determinism
    a GPU may sum in another order each time, and runs would differ.
    """
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # it is in use already: too late
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().addFilter(_not_about_retracing)


def _not_about_retracing(record: logging.LogRecord) -> bool:
    # Each size of a run traces its graphs once, which TensorFlow takes for a mistake.
    return "retracing" not in str(record.msg)


@functools.cache
def fastest_precision() -> str:
    """Return "bfloat16" where this device computes convolutions faster in it.

    Some CPUs and GPUs have instructions for it, others only emulate it, many times
    slower: one convolution as VGG19 has them tells, timed in turn.
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


def devices() -> list[str]:
    """Return the devices of this process that share the work: GPUs, else CPUs."""
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return [device.name for device in tf.config.list_logical_devices(kind)]


def workers() -> list[str]:
    """Return the addresses of the processes that share the work; see `replicas`."""
    return _cluster()[0]


def worker() -> int:
    """Return which of the `workers` this process is; 0 is the chief, which writes."""
    return _cluster()[1]


def _cluster() -> tuple[list[str], int]:
    """Return the addresses of all processes, and which of them this one is."""
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        found = json.loads(text)
        cluster = found.get("cluster", {})
        addresses = list(cluster.get("worker", []))
        task = found.get("task", {})
        index = int(task.get("index", 0))
        if not set(cluster) <= {"worker"} or task.get("type", "worker") != "worker":
            raise ValueError("its jobs may only be workers")
        if not 0 <= index < max(1, len(addresses)):
            raise ValueError(f"there is no worker {index}")
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the variable TF_CONFIG is {text[:80]!r} ({error}); unset it, or give it "
            "as docs/posters.md shows"
        ) from error
    return addresses, index


def device_name() -> str:
    """Return the device that TensorFlow will place the work on, such as "CPU"."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU ({os.cpu_count()} cores)"
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"GPU ({details.get('device_name', gpus[0].name)})"


def peak_memory_gib() -> float | None:
    """Return the most memory this process has held so far, where the system tells."""
    # On Linux getrusage also counts what the parent held when it started this process.
    peak = _status_gib("VmHWM:")
    if peak is not None:
        return peak
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _status_gib(name: str) -> float | None:
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
        return int(line.split()[1]) / 2**20
    return None


def memory_limit_gib(limit_gib: float | None = None) -> float:
    """Return what a run may take: the limit given, or 80 % of what there is for it."""
    if limit_gib is not None:
        return limit_gib
    gpu = _free_gpu_gib()
    return 0.8 * (_free_gib() + (_held_gib() or 0.0) if gpu is None else gpu)


def _free_gpu_gib() -> float | None:
    """Return the memory left on the fullest GPU, if TensorFlow sees any and one tells.

    TensorFlow itself tells only what it holds.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None
    question = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader"]
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        answer = subprocess.run(
            question, capture_output=True, text=True, timeout=10, check=True
        )
        free = [line.removesuffix("MiB") for line in answer.stdout.splitlines()]
        return min(int(each) for each in free) / 2**10
    return None


def _free_gib() -> float:
    """Return the memory that the machine has left, or may use by its control group."""
    free = []
    with contextlib.suppress(OSError, StopIteration), open("/proc/meminfo") as file:
        line = next(line for line in file if line.startswith("MemAvailable:"))
        free.append(int(line.split()[1]) / 2**20)
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        group = pathlib.Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        held = int((group / "memory.current").read_text())
        held -= _reclaimable(group / "memory.stat")
        free.append((limit - held) / 2**30)
    if not free:  # not on Linux: at most all that the machine has
        with contextlib.suppress(AttributeError, OSError, ValueError):
            pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            free.append(pages / 2**30)
    return min(free, default=float("inf"))


def _reclaimable(path: pathlib.Path) -> int:
    """Return the bytes of cached files that a control group would give up."""
    lines = (line.split() for line in path.read_text().splitlines())
    return sum(int(value) for name, value in lines if name == "inactive_file")


def _held_gib() -> float | None:
    """Return what this process holds now, where the system tells."""
    return _status_gib("VmRSS:")
