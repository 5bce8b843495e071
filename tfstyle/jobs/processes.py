"""Processes of this machine, among which cores and memory are divided."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool

from tfstyle.jobs.job import Done, Task
from tfstyle.jobs.places import cores
from tfstyle.system.memory import LIMIT, graphics_cards, machine_limit_gib

Pool = futures.ProcessPoolExecutor
WAIT = 0.5  # seconds


class Processes:
    """Some processes, each of which makes one job after the other.

    Each is a pool of its own, so that one that dies takes no other with it.

    Args:
        count: how many; with GPUs at most as many as there are of them.
    """

    def __init__(self, count: int) -> None:
        self._cards = graphics_cards()
        self.slots = min(count, len(self._cards)) if self._cards else count
        threads = str(max(1, cores() // self.slots))
        self._environment = {
            "TF_NUM_INTRAOP_THREADS": threads,
            "OMP_NUM_THREADS": threads,
        }
        if not self._cards:
            self._environment[LIMIT] = f"{machine_limit_gib() / self.slots:.3f}"
        self._pools: dict[int, Pool] = {}
        self._making: dict[futures.Future[Done], tuple[int, str]] = {}

    def submit(self, work: Task) -> None:
        busy = {slot for slot, _ in self._making.values()}
        slot = next(each for each in range(self.slots) if each not in busy)
        if slot not in self._pools:
            self._pools[slot] = self._pool(slot)
        future = self._pools[slot].submit(_make, work)
        self._making[future] = slot, work.name

    def finished(self) -> list[Done | str]:
        ready, _ = futures.wait(self._making, WAIT, futures.FIRST_COMPLETED)
        return [self._outcome(future) for future in ready]

    def stop(self) -> None:
        for process in multiprocessing.active_children():
            process.terminate()  # which a run takes for a wish to stop

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _outcome(self, future: "futures.Future[Done]") -> Done | str:
        slot, name = self._making.pop(future)
        try:
            return future.result()
        except BrokenProcessPool:
            self._pools.pop(slot).shutdown(wait=False)
            return name

    def _pool(self, slot: int) -> Pool:
        environment = dict(self._environment)
        if self._cards:
            environment["CUDA_VISIBLE_DEVICES"] = self._cards[slot]
        return Pool(
            1,
            multiprocessing.get_context("spawn"),
            _begin,
            (os.getpid(), environment),
        )


def _make(work: Task) -> Done:
    return work.make()


def _begin(parent: int, environment: dict[str, str]) -> None:
    """Set a new process up, before TensorFlow is imported."""
    os.environ.update(environment)
    if hasattr(os, "setsid"):  # not on Windows
        os.setsid()  # Ctrl-C is for the parent, which then asks
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # but while a run is under way
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when the one that began it is gone: nobody waits for it."""
    while os.getppid() == parent:
        time.sleep(WAIT)
    os._exit(1)
