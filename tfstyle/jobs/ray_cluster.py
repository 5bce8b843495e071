"""A Ray cluster: its nodes make the jobs, wherever Ray finds cores and memory for them.

Nodes need the same versions of tfstyle and what it stands on. Where they see the
driver's folder, run directories and checkpoints are written there; else a run directory
is sent back through Ray's object store when its job is done, and a job whose node dies
begins anew.
"""

import dataclasses
import logging
import os
import socket
import tempfile
import uuid
from pathlib import Path
from typing import Any

from tfstyle.jobs.job import Done, Task
from tfstyle.jobs.perform import Work, kept_here, perform
from tfstyle.jobs.resources import needed_gib
from tfstyle.system.files import TEMPORARY, write_bytes
from tfstyle.system.memory import LIMIT

WAIT = 0.5  # seconds
MARGIN = 1.25  # of memory: an estimate that just fits would change the plan
RETRIES = 2  # of a job whose worker dies; Ray's own
CONNECT = 5.0  # seconds for a node to answer
Files = dict[str, bytes]
"""Of a run directory, by path within it."""


class OnRay:
    """Jobs as tasks of a Ray cluster; it decides where.

    Args:
        address: auto for the cluster of this machine, HOST:PORT, or ray://HOST:PORT.
        folder: for the run directories.
        cpus: of each job; with GPUs in the cluster a job has one of them as well.

    Raises:
        ValueError: if Ray is not installed, or no cluster is there.
    """

    def __init__(self, address: str, folder: Path, cpus: int) -> None:
        ray = _connected(address)
        self._ray, self._cpus, self._folder = ray, cpus, folder
        resources = ray.cluster_resources()
        self._gpus = 1 if resources.get("GPU") else 0
        units = resources["GPU"] if self._gpus else resources.get("CPU", 1) // cpus
        self.slots = 2 * max(1, int(units))  # some wait at the cluster: nodes may join
        self._largest = max(node["Resources"].get("memory", 0) for node in _alive(ray))
        most = max(node["Resources"].get("CPU", 0) for node in _alive(ray))
        if cpus > most:
            ray.shutdown()
            raise ValueError(
                f"--cpus {cpus} is more than any node of the cluster has ({most:g}); "
                "give at most that"
            )
        self._stopping = False
        self._mark = Path(f"{TEMPORARY}{uuid.uuid4().hex}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / self._mark).touch()
        self._task = ray.remote(_perform)
        self._making: dict[Any, str] = {}

    def submit(self, work: Task) -> None:
        memory = int(0.8 * self._largest)
        if isinstance(work, Work):
            gib = needed_gib(work.job.config, work.inputs)
            memory = min(int(MARGIN * gib * 2**30), memory)
        task = self._task.options(
            num_cpus=self._cpus,
            num_gpus=self._gpus,
            memory=memory,
            max_retries=RETRIES,
            name=work.name,
        )
        environment = {
            "TF_NUM_INTRAOP_THREADS": str(self._cpus),
            "OMP_NUM_THREADS": str(self._cpus),
            LIMIT: "" if self._gpus else f"{memory / 2**30:.3f}",
        }
        reference = task.remote(work, str(self._mark), environment)
        self._making[reference] = work.name

    def finished(self) -> list[Done | str]:
        ready, _ = self._ray.wait([*self._making], num_returns=1, timeout=WAIT)
        return [self._outcome(reference) for reference in ready]

    def stop(self) -> None:
        self._stopping = True
        for reference in self._making:
            self._ray.cancel(reference)  # Ctrl-C to the worker that makes it

    def close(self) -> None:
        (self._folder / self._mark).unlink(missing_ok=True)
        self._ray.shutdown()

    def _outcome(self, reference: Any) -> Done | str:
        name = self._making.pop(reference)
        try:
            done, files = self._ray.get(reference)
        except self._ray.exceptions.TaskCancelledError:
            return Done(name, "interrupted")
        except self._ray.exceptions.RayError as error:
            text = (str(error).splitlines() or [type(error).__name__])[-1][:200]
            return Done(name, "failed", error=f"Ray: {text}")
        _unpack(files, self._folder / name)
        found: Done = done
        # A node that is drained asks its jobs to stop: they go on elsewhere.
        again = found.stopped == "interrupted" and not self._stopping
        return name if again else found


def _alive(ray: Any) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _connected(address: str) -> Any:
    """Return Ray, connected to a cluster.

    Raises:
        ValueError: if that cannot be.
    """
    try:
        import ray
    except ImportError:
        raise ValueError(
            f"--address {address} needs Ray; pip install 'tfstyle[cluster]'"
        ) from None
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if address != "auto":
            if not (host and port.isdecimal()):
                raise ValueError("it is no HOST:PORT")
            with socket.create_connection((host, int(port)), CONNECT):
                pass
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ValueError, OSError, OverflowError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise ValueError(
            f"--address {address}: no Ray cluster is there ({reason}); start one with "
            "'ray start --head', or leave --address out"
        ) from error
    return ray


def _perform(work: Task, mark: str, environment: dict[str, str]) -> tuple[Done, Files]:
    """Make a job on a node; return what came of it, and its files if not there."""
    os.environ.update(environment)  # before TensorFlow is imported
    if not isinstance(work, Work) or (work.folder / mark).exists():
        return work.make(), {}
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = dataclasses.replace(work, folder=Path(folder))
        done = perform(elsewhere, kept=kept_here(None))
        return done, _packed(Path(folder) / work.name)


def _packed(run: Path) -> Files:
    files = (path for path in run.rglob("*") if path.is_file())
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def _unpack(files: Files, run: Path) -> None:
    """Write the files of a run directory, the record last: with it the run is done."""
    if files:
        (run / "run.json").unlink(missing_ok=True)
    for name in sorted(files, key=lambda name: name == "run.json"):
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, files[name])
