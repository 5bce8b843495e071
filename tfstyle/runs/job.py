"""One run from its config to its run directory: what the command line does."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import tfstyle
from tfstyle.system import devices as device
from tfstyle.runs.checkpoint import Checkpoint, remove_checkpoints
from tfstyle.errors import RunError
from tfstyle.config.schema import StyleConfig
from tfstyle.system.files import write_text
from tfstyle.images import Metadata, check_film, save_image
from tfstyle.engine.inputs import Inputs, checksums, size_at
from tfstyle.runs.observers import (
    Checkpoints,
    Film,
    Log,
    Observer,
    Progress,
    Snapshots,
    Stillness,
)
from tfstyle.engine.schedule import schedule
from tfstyle.runs.record import make_record
from tfstyle.runs.folder import (
    CHECKPOINT,
    FINISHED,
    LOG,
    RECORD,
    RESULT,
    SNAPSHOTS,
    opened_folder,
)
from tfstyle.system.signals import stop_signals

if TYPE_CHECKING:
    from tfstyle.engine.stage import Build, Step
    from tfstyle.objective.tiled import OnTile


def run_job(
    config: StyleConfig,
    inputs: Inputs,
    folder: Path,
    resume: Checkpoint | None = None,
    progress: Observer | None = None,
    build: "Build | None" = None,
    overwrite: bool = True,
) -> str:
    """Run the optimisation into a folder that `check_folder` has found good.

    The folder is touched once the first step is there, so that a run that cannot begin
    leaves no trace. Whatever ends the run, the picture as it is then is saved; if the
    end came early, a checkpoint to resume from stays beside it.

    Args:
        config: all options.
        inputs: the pictures.
        folder: where the run goes.
        resume: where it goes on.
        progress: tells the user how far it is; by default a bar of its own.
        build: makes the network, see `transfer.optimize`.
        overwrite: replace an earlier run that is there, unless `resume` goes on.

    Returns:
        Why it stopped: "finished", "converged" or "interrupted" (SIGINT, SIGTERM).

    Raises:
        ValueError: if the run cannot begin: the weights cannot be used, say.
        RunError: if anything went wrong on the way, after saving.
    """
    started = time.perf_counter()
    if config.output.film:
        check_film(f".{config.output.film}")
    with device.quiet_import():
        from tfstyle.engine.loop import optimize
    tiles = _TileWatchers()
    steps = _begun(optimize(config, inputs, resume, build, tiles))
    if device.worker():  # the chief writes
        return _only_follow(steps)
    pictures = checksums(inputs)
    with opened_folder(folder, config, resume is not None, overwrite):
        checkpoints = Checkpoints(folder / CHECKPOINT, config, pictures)
        try:
            observers = _observers(config, folder, resume, progress)

            def save(step: "Step", stopped: str) -> None:
                seconds = time.perf_counter() - started
                keep = inputs.keep
                save_run(config, folder, step, stopped, seconds, checkpoints, keep)

            return _follow(steps, observers, checkpoints, tiles, save)
        except Exception as error:
            raise _failure(error) from error


def _follow(
    steps: Iterator["Step"],
    observers: Sequence[Observer],
    checkpoints: Checkpoints,
    tiles: "_TileWatchers",
    save: Callable[["Step", str], None],
) -> str:
    """Go through the steps, watched; whatever ends that, save; return why it ended."""
    step: Step
    stopped = "failed"
    with contextlib.ExitStack() as stack:
        for observer in observers:
            stack.callback(getattr(observer, "close", lambda: None))
        stop_asked = stack.enter_context(stop_signals())
        tiles.begin(observers, stop_asked)
        watchers: list[Observer] = [*observers, checkpoints]
        try:
            for step in steps:
                for observe in watchers:
                    observe(step)
                if stop_asked():
                    break
            stopped = _why_stopped(step)
        except _StopAskedError:
            stopped = "interrupted"
        finally:
            save(step, stopped)
    return stopped


def _only_follow(steps: Iterator["Step"]) -> str:
    """Go through the steps as a process that writes nothing; return why they ended."""
    try:
        *_, last = steps
    except Exception as error:
        raise _failure(error) from error
    return _why_stopped(last)


class _StopAskedError(Exception):
    """The run was asked to stop amid a step."""


class _TileWatchers:
    """What watches the tiles of a step, once the run has begun."""

    def __init__(self) -> None:
        self._watch: list[OnTile] = []

    def begin(
        self, observers: Sequence[Observer], stop_asked: Callable[[], bool]
    ) -> None:
        """Show progress between tiles, and stop there if asked to."""

        def stop(done: int, count: int) -> None:
            if stop_asked():
                raise _StopAskedError

        self._watch = [each.tile for each in observers if hasattr(each, "tile")]
        self._watch.append(stop)

    def __call__(self, done: int, count: int) -> None:
        for watch in self._watch:
            watch(done, count)


def _begun(steps: Iterator["Step"]) -> Iterator["Step"]:
    """Compute the first step; return all of them."""
    try:
        return itertools.chain([next(steps)], steps)
    except ValueError:
        raise
    except Exception as error:
        raise _failure(error) from error


def _failure(error: Exception) -> RunError:
    first_line = (str(error).splitlines() or [""])[0][:300]
    text = f"{type(error).__name__}: {first_line}"
    if len(device.workers()) > 1 and "Collective" in first_line:
        text = "another process of this run has ended, or cannot be reached"
    elif isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        text = f"{error.strerror}{where}; check the folder, and the space on its disk"
    elif isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        text = "the memory is full; lower memory.limit_gib or the size"
    return RunError(text)


def _observers(
    config: StyleConfig,
    folder: Path,
    resume: Checkpoint | None,
    progress: Observer | None,
) -> list[Observer]:
    resumed = resume.step if resume else None
    log, bar = Log(folder / LOG, resumed), progress or Progress()
    observers: list[Observer] = [log, bar, Stillness()]
    if config.output.snapshot_every:
        observers.append(Snapshots(folder / SNAPSHOTS, config.output.snapshot_every))
    if config.output.film:
        steps = sum(scale.steps for scale in schedule(config.pyramid, config.size))
        observers.append(Film(folder / f"film.{config.output.film}", steps))
    return observers


def _why_stopped(step: "Step") -> str:
    if not step.last:
        return "interrupted"
    return "converged" if step.converged else "finished"


def save_run(
    config: StyleConfig,
    folder: Path,
    step: "Step",
    stopped: str,
    seconds: float,
    checkpoints: Checkpoints,
    keep: Metadata | None = None,
) -> None:
    """Write picture and record; keep a checkpoint only if there is more to do.

    Each of them is tried even if another one fails.

    Raises:
        Exception: the first that any of them met.
    """
    text = {"Software": f"tfstyle {tfstyle.__version__}", "Config": config.to_yaml()}
    done = stopped in FINISHED

    def record() -> None:
        pictures = checkpoints.pictures
        about = make_record(config, step, stopped, seconds, folder / LOG, pictures)
        write_text(folder / RECORD, json.dumps(about, indent=2))

    def result() -> None:
        save_image(folder / RESULT, step.image(), text, keep)

    folder.mkdir(parents=True, exist_ok=True)  # if somebody removed it
    saves: list[Callable[[], None]] = [result, record]
    if not done:
        saves.insert(0, partial(checkpoints.save, step))
    errors = []
    for save in saves:
        try:
            save()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]
    for kind in {"gif", "webp", "mp4"} - {config.output.film}:
        (folder / f"film.{kind}").unlink(missing_ok=True)  # of an earlier run
    if done:
        remove_checkpoints(folder / CHECKPOINT)


def plan(config: StyleConfig, inputs: Inputs) -> str:
    """Say what a run would do: pictures, sizes, steps, memory, device, precision."""
    with device.quiet_import():
        from tfstyle.engine.context import choose_setting
    setting = choose_setting(config, inputs)
    setting.check_memory()
    height, width = inputs.content.shape[:2]
    lines = [f"content    {config.content.path} ({width} x {height})"]
    for style, picture in zip(config.styles, inputs.styles, strict=True):
        height, width = picture.shape[:2]
        lines.append(f"style      {style.path} ({width} x {height}), {style.weight:g}")
    for scale in setting.scales:
        height, width = size_at(scale, inputs.content)
        how = setting.plan(scale)
        lines.append(f"scale      {width} x {height}, {scale.steps} steps, {how}")
    return "\n".join(
        [
            *lines,
            f"optimizer  {config.optimizer.name}",
            f"layers     {', '.join(config.objective.layers) or 'none'}",
            f"memory     about {how.gib:.1f} GiB of {setting.limit_gib:.1f} GiB",
            f"device     {device.device_name()}",
            f"precision  {setting.precision}",
        ]
    )
