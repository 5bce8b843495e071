"""The processes that share a run, as the variable TF_CONFIG names them."""

import json
import os


def workers() -> list[str]:
    """Return the addresses of the processes that share the work; [] for one alone.

    Raises:
        ValueError: if TF_CONFIG is not a cluster of workers.
    """
    return _cluster()[0]


def worker() -> int:
    """Return which of the `workers` this process is; 0 is the chief, which writes.

    Raises:
        ValueError: if TF_CONFIG is not a cluster of workers.
    """
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
