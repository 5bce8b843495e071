"""The flags of commands that make many runs: where they are made."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

if TYPE_CHECKING:
    from tfstyle.jobs.places import Place

FLAGS = flags.FLAGS
flags.DEFINE_integer(
    "jobs", 1, "Runs at a time, in processes that divide this machine.", 1, 1024
)
flags.DEFINE_string(
    "address", None, "Ray cluster to run on: auto, HOST:PORT or ray://HOST:PORT."
)
flags.DEFINE_integer("cpus", 2, "Cores of each run on a Ray cluster.", 1)


def place_from_flags(folder: Path) -> "Callable[[int], Place] | None":
    """Return what opens where runs are made, for so many; None for here, one by one.

    Args:
        folder: for the run directories.

    Raises:
        ValueError: for flags that exclude each other; when opened, if there is no such
            cluster.
    """
    if FLAGS.address is not None and FLAGS.jobs > 1:
        raise ValueError(
            "--jobs and --address are both there; a cluster knows by itself how many "
            "runs it has cores for, so keep one"
        )
    if FLAGS.address is not None:
        return lambda count: _on_ray(folder)
    return _in_processes if FLAGS.jobs > 1 else None


def _on_ray(folder: Path) -> "Place":
    from tfstyle.jobs.ray_cluster import OnRay

    return OnRay(FLAGS.address, folder, FLAGS.cpus)


def _in_processes(count: int) -> "Place":
    from tfstyle.jobs.processes import Processes

    return Processes(min(FLAGS.jobs, count))
