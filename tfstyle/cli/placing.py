"""The flags of commands that make many runs: where they are made."""

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


def place_from_flags(folder: Path) -> "Place | None":
    """Return where runs are made; None for here, one after the other.

    Args:
        folder: for the run directories.

    Raises:
        ValueError: if there is no such cluster.
    """
    if FLAGS.address is not None:
        if FLAGS.jobs > 1:
            raise ValueError(
                "--jobs and --address are both there; a cluster knows by itself how "
                "many runs it has cores for, so keep one"
            )
        from tfstyle.jobs.ray_cluster import OnRay

        return OnRay(FLAGS.address, folder, FLAGS.cpus)
    if FLAGS.jobs > 1:
        from tfstyle.jobs.processes import Processes

        return Processes(FLAGS.jobs)
    return None
