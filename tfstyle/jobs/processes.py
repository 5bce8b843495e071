"""Processes of this machine, among which cores and memory are divided."""

import contextlib
import multiprocessing
import os
import threading
import time
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool

from tfstyle.jobs.job import Done, Task
from tfstyle.jobs.places import cores
from tfstyle.system.memory import LIMIT, graphics_cards, machine_limit_gib
from tfstyle.system.signals import stop_signals

Pool = futures.ProcessPoolExecutor
WAIT = 0.5  # seconds


class Processes:
    """Some processes, each of which makes one job after the other.

    Each is a pool of its own, so that one that dies takes no other with it.

    Args:
        count: how many; at most as many as there are cores, or GPUs if there are any.
    """

    def __init__(self, count: int) -> None:
        self._cards, self._stopping = graphics_cards(), False
        self.slots = max(1, min(count, len(self._cards) or cores()))
        threads = str(max(1, cores() // self.slots))
        self._environment = {
            "TF_NUM_INTRAOP_THREADS": threads,
            "OMP_NUM_THREADS": threads,
        }
        if not self._cards:
            with contextlib.suppress(ValueError):
                gib = float(os.environ.get(LIMIT, machine_limit_gib()))
                self._environment[LIMIT] = f"{gib / self.slots:.3f}"
        self._pools: dict[int, Pool] = {}
        self._making: dict[futures.Future[Done], tuple[int, str]] = {}

    def submit(self, work: Task) -> None:
        busy = {slot for slot, _ in self._making.values()}
        slot = next(each for each in range(self.slots) if each not in busy)
        if slot not in self._pools:
            self._pools[slot] = self._pool(slot)
        try:
            future = self._pools[slot].submit(_make, work)
        except BrokenProcessPool:  # it died while it had nothing to do
            self._pools[slot] = self._pool(slot)
            future = self._pools[slot].submit(_make, work)
        self._making[future] = slot, work.name

    def finished(self) -> list[Done | str]:
        ready, _ = futures.wait(self._making, WAIT, futures.FIRST_COMPLETED)
        return [self._outcome(future) for future in ready]

    def stop(self) -> None:
        self._stopping = True
        for pool in self._pools.values():  # not by active_children: others have some
            for process in list((pool._processes or {}).values()):
                process.terminate()  # which a run takes for a wish to stop

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _outcome(self, future: "futures.Future[Done]") -> Done | str:
        slot, name = self._making.pop(future)
        try:
            done = future.result()
        except BrokenProcessPool:
            done = None
        if done and (done.stopped != "interrupted" or self._stopping):
            return done
        # It died, or somebody else asked it to stop: another one goes on.
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


_life = contextlib.ExitStack()


def _make(work: Task) -> Done:
    return work.make()


def _begin(parent: int, environment: dict[str, str]) -> None:
    """Set a new process up, before TensorFlow is imported."""
    os.environ.update(environment)
    if hasattr(os, "setsid"):  # not on Windows
        os.setsid()  # Ctrl-C is for the parent, which then asks
    # For all of its life, as a job may be asked to stop before its first step.
    _life.enter_context(stop_signals(patient=True))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when the one that began it is gone: nobody waits for it."""
    while os.getppid() == parent:
        time.sleep(WAIT)
    os._exit(1)
