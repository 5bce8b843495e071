"""Memory: what a run may take of the machine or its GPUs, and what it took."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import psutil

FRACTION = 0.8  # of the memory that is there for a run; the rest is for other programs
GROUP = Path("/sys/fs/cgroup")  # this process' control group, as in a container


LIMIT = "TFSTYLE_MEMORY_GIB"
"""Variable with what a process may take, where several divide the memory."""


def memory_limit_gib(limit_gib: float | None = None) -> float:
    """Return what this process may take, in GiB: `limit_gib`, or 80 % of what is there.

    That is what is free on the GPU that has least, else on the machine, and what this
    process holds already; or what the variable `LIMIT` says.
    """
    if limit_gib is not None:
        return limit_gib
    with contextlib.suppress(ValueError):
        return float(os.environ.get(LIMIT, ""))
    gpu = _gpu_gib()
    return machine_limit_gib() if gpu is None else FRACTION * gpu


def machine_limit_gib() -> float:
    """Return 80 % of the machine's memory that is free, or held by this process."""
    return FRACTION * (_free_gib() + _held_gib())


def graphics_cards() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, as CUDA calls them."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is None:
        return [card.number for card in _cards()]
    return [each.strip() for each in asked.split(",") if each.strip() not in ("", "-1")]


def peak_memory_gib() -> float:
    """Return the most memory that this process has held so far, in GiB."""
    # On Linux getrusage also counts what the parent held when it started this process.
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**20
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset / 2**30)
    import resource

    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _free_gib() -> float:
    """Return the memory that the machine has left, or may use by its control group."""
    free = [psutil.virtual_memory().available]
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        limit = int((GROUP / "memory.max").read_text())
        used = int((GROUP / "memory.current").read_text())
        free.append(limit - used + _reclaimable(GROUP / "memory.stat"))
    return min(free) / 2**30


def _reclaimable(path: Path) -> int:
    """Return the bytes of cached files that a control group would give up."""
    lines = (line.split() for line in path.read_text().splitlines())
    return sum(int(value) for name, value in lines if name == "inactive_file")


def _held_gib() -> float:
    return float(psutil.Process().memory_info().rss / 2**30)


class _Card(NamedTuple):
    """A GPU as nvidia-smi tells of it."""

    number: str  # from 0
    uuid: str
    name: str
    free: float  # GiB
    total: float  # GiB


def _gpu_gib() -> float | None:
    """Return what there is for this process on the GPU that has least, in GiB.

    None if TensorFlow sees no GPU, or if nothing tells: TensorFlow knows only what it
    uses itself.
    """
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    cards = _cards() if gpus else []
    if not cards:
        return None
    return min(_available_gib(k, gpu, _card(gpu, cards)) for k, gpu in enumerate(gpus))


def _cards() -> list[_Card]:
    question = "--query-gpu=index,uuid,name,memory.free,memory.total"
    command = ["nvidia-smi", question, "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True
        )
        lines = [line.split(", ") for line in answer.stdout.splitlines()]
        return [
            _Card(number, uuid, name, int(free) / 2**10, int(total) / 2**10)
            for number, uuid, name, free, total in lines
        ]
    return []


def _card(gpu: Any, cards: list[_Card]) -> _Card:
    """Return the card that TensorFlow's `gpu` is; if it may be several, the fullest."""
    import tensorflow as tf

    number = gpu.name.rsplit(":", 1)[1]
    asked = os.environ.get("CUDA_VISIBLE_DEVICES", "").replace(" ", "").split(",")
    called = asked[int(number)] if int(number) < len(asked) else ""
    called = called or number
    # CUDA may count the cards in another order than nvidia-smi does, the fastest first.
    name = tf.config.experimental.get_device_details(gpu).get("device_name")
    alike = [card for card in cards if card.name == name] or cards
    found = [
        card for card in alike if card.number == called or card.uuid.startswith(called)
    ]
    return min(found or alike, key=lambda card: card.free)


_most_gib: dict[str, float] = {}  # by GPU, all that was there for this process so far


def _available_gib(position: int, gpu: Any, card: _Card) -> float:
    """Return what is free on a card, and what TensorFlow keeps there without using it.

    TensorFlow's allocator gives nothing back to the card, and does not tell how much it
    keeps. It is at least the most that was in use, and, as each piece that it takes is
    larger than the one before, hardly more than twice that. So all that was there at
    first is still there, unless other programs have taken more since.
    """
    import tensorflow as tf

    current = peak = 0.0
    with contextlib.suppress(ValueError):  # an allocator that does not count
        used = tf.config.experimental.get_memory_info(f"GPU:{position}")
        current, peak = used["current"] / 2**30, used["peak"] / 2**30
    grows = tf.config.experimental.get_memory_growth(gpu)
    if not grows and os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") != "true":
        return card.total - current  # the program started it, and it took all at once
    most = max(_most_gib.get(gpu.name, 0.0), card.free + peak)
    _most_gib[gpu.name] = most
    return min(most, card.free + 2 * peak) - current
