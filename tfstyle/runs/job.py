"""One run from its config to its run directory: what the command line does."""

import collections
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfstyle.api import Stop, transfer
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.schedule import schedule
from tfstyle.engine.state import State, Step
from tfstyle.errors import RunError
from tfstyle.images import Metadata, check_film
from tfstyle.runs.ending import Ending
from tfstyle.runs.folder import CHECKPOINT, FRAMES, LOG, SNAPSHOTS, opened_folder
from tfstyle.runs.frames import Frames, for_film
from tfstyle.runs.observers import Checkpoints, Log, Observer, Snapshots, Stalled
from tfstyle.runs.progress import Progress
from tfstyle.system.cluster import worker, workers
from tfstyle.system.signals import stop_signals

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept

OnTile = Callable[[int, int], object]


def run_job(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    state: State | None = None,
    metadata: Metadata | None = None,
    *,
    observers: Sequence[Observer] | None = None,
    kept: "Kept | None" = None,
    overwrite: bool = True,
) -> str:
    """Run the optimization into a folder that `check_folder` has found good.

    The folder is touched once the first step is there, so that a run that cannot begin
    leaves no trace. Whatever ends the run, the picture as it is then is saved; if the
    end came early, a checkpoint to resume from stays beside it.

    Args:
        config: all options.
        inputs: the pictures.
        folder: where the run goes.
        state: where it goes on.
        metadata: what result.png keeps of the content picture's file.
        observers: what watches beside the log and the like; by default a progress bar.
        kept: networks, graphs and targets that several runs share.
        overwrite: replace an earlier run that is there, unless it is resumed.

    Returns:
        Why it stopped: "finished", "converged" or "interrupted" (SIGINT, SIGTERM, or an
        observer that raised `tfstyle.api.Stop`).

    Raises:
        ValueError: if the run cannot begin: the weights cannot be used, say.
        RunError: if anything went wrong after its first step, after saving.
    """
    began = time.perf_counter()
    if config.output.film:
        check_film(f".{config.output.film}")
    tiles: list[OnTile] = []
    steps = transfer(config, inputs, state, kept, lambda *at: call_all(tiles, *at))
    with contextlib.closing(steps):
        begun = _begun(steps)
        if worker():  # the chief writes
            return _only_follow(begun)
        with opened_folder(folder, config, state is not None, overwrite):
            checkpoints = Checkpoints(folder / CHECKPOINT, config, inputs.checksums)
            ending = Ending(config, folder, checkpoints, metadata, began)
            ours = _observers(config, folder)
            with _failures_told():
                others = [Progress()] if observers is None else observers
                return _follow(begun, [*ours, *others, checkpoints], tiles, ending)


def _observers(config: StyleConfig, folder: Path) -> list[Observer]:
    """Return what watches every run."""
    observers: list[Observer] = [Log(folder / LOG), Stalled()]
    if config.output.snapshot_every:
        observers.append(Snapshots(folder / SNAPSHOTS, config.output.snapshot_every))
    if config.output.film:
        steps = sum(scale.steps for scale in schedule(config.pyramid, config.size))
        observers.append(Frames(folder / FRAMES, for_film(steps)))
    return observers


def _begun(steps: Iterator[Step]) -> Iterator[Step]:
    """Compute the first step; return all of them."""
    try:
        return itertools.chain([next(steps)], steps)
    except ValueError:
        raise
    except Exception as error:
        raise failure(error) from error


def _follow(
    steps: Iterator[Step],
    observers: Sequence[Observer],
    tiles: list[OnTile],
    ending: Ending,
) -> str:
    """Go through the steps, watched; whatever ends that, save; return why it ended."""
    step: Step
    with contextlib.ExitStack() as stack:
        for observer in observers:
            stack.callback(getattr(observer, "close", lambda: None))
        check_asked = stack.enter_context(_stop_if_asked())
        tiles += [each.tile for each in observers if hasattr(each, "tile")]
        tiles.append(lambda done, count: check_asked())
        try:
            with contextlib.suppress(Stop):
                for step in steps:
                    call_all(observers, step)
                    check_asked()
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            with contextlib.suppress(Exception):  # what went wrong first is told
                ending.save(step, "interrupted" if interrupted else "failed")
            raise
        stopped = _why_stopped(step)
        ending.save(step, stopped)
        return stopped


@contextlib.contextmanager
def _stop_if_asked() -> Iterator[Callable[[], None]]:
    """Yield a function that raises `Stop` once a signal has asked the run to stop."""
    with stop_signals() as asked:

        def check() -> None:
            if asked():
                raise Stop

        yield check


def call_all(functions: Sequence[Callable[..., object]], *arguments: object) -> None:
    """Call each of them, even if one raises `Stop`, which is raised at the end."""
    stops = []
    for function in functions:
        try:
            function(*arguments)
        except Stop as stop:
            stops.append(stop)
    if stops:
        raise stops[0]


def _only_follow(steps: Iterator[Step]) -> str:
    """Go through the steps as a process that writes nothing; return why they ended."""
    with _failures_told():
        (last,) = collections.deque(steps, maxlen=1)
    return _why_stopped(last)


def _why_stopped(step: Step) -> str:
    if not step.last:
        return "interrupted"
    return "converged" if step.converged else "finished"


@contextlib.contextmanager
def _failures_told() -> Iterator[None]:
    """Turn what goes wrong into a `RunError`."""
    try:
        yield
    except Exception as error:
        raise failure(error) from error


def failure(error: Exception) -> RunError:
    """Say in a line what went wrong, and what to do where that is known."""
    first_line = (str(error).splitlines() or [""])[0][:300]
    text = f"{type(error).__name__}: {first_line}"
    if len(workers()) > 1 and "Collective" in first_line:
        text = "another process of this run has ended, or cannot be reached"
    elif isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        text = f"{error.strerror}{where}; check the folder, and the space on its disk"
    elif isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        text = (
            "the memory is full; close other programs, or start again with a lower "
            "memory.limit_gib or size"
        )
    return RunError(text)
