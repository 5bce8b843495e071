"""One run from its config to its run directory: what the command line does.

A run directory holds result.png, config.yaml, log.csv, run.json, snapshots/ and, while
the run is not finished, checkpoint.npz.
"""

import contextlib
import itertools
import json
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

import tfstyle
from tfstyle import device
from tfstyle.checkpoint import (
    Checkpoint,
    check_unchanged,
    previous,
    remove_checkpoints,
)
from tfstyle.command import RunError
from tfstyle.config import StyleConfig
from tfstyle.files import locked, remove_temporaries, write_text
from tfstyle.images import Keepsakes, check_film, save_image
from tfstyle.inputs import Inputs, checksums, size_at
from tfstyle.observers import (
    Checkpoints,
    Film,
    Log,
    Observer,
    Progress,
    Snapshots,
    Stillness,
)
from tfstyle.pyramid import schedule
from tfstyle.record import make_record

if TYPE_CHECKING:
    from tfstyle.stage import Step
    from tfstyle.tiling import OnTile
    from tfstyle.transfer import Build

RESULT, CONFIG, LOG, RECORD = "result.png", "config.yaml", "log.csv", "run.json"
CHECKPOINT, SNAPSHOTS = "checkpoint.npz", "snapshots"
FINISHED = ("finished", "converged")
PREVIOUS = previous(Path(CHECKPOINT)).name


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
        from tfstyle.transfer import optimize
    tiles = _TileWatchers()
    steps = _begun(optimize(config, inputs, resume, build, tiles))
    if device.worker():  # the chief writes
        return _only_follow(steps)
    pictures = checksums(inputs)
    with opened_folder(folder, config, resume is not None, overwrite):
        checkpoints = Checkpoints(folder / CHECKPOINT, config, pictures)
        try:
            observers = _observers(config, folder, resume, progress)
            return _follow(
                steps,
                config,
                folder,
                observers,
                checkpoints,
                tiles,
                started,
                inputs.keep,
            )
        except Exception as error:
            raise _failure(error) from error


def _follow(
    steps: Iterator["Step"],
    config: StyleConfig,
    folder: Path,
    observers: Sequence[Observer],
    checkpoints: Checkpoints,
    tiles: "_TileWatchers",
    started: float,
    keep: Keepsakes | None,
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
            seconds = time.perf_counter() - started
            save_run(config, folder, step, stopped, seconds, checkpoints, keep)
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
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return RunError(f"{error.strerror}{where}")
    if isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        return RunError("the memory is full; lower memory.limit_gib or the size")
    first_line = (str(error).splitlines() or [""])[0][:300]
    return RunError(f"{type(error).__name__}: {first_line}")


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


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT or SIGTERM into a question: was the run asked to stop?

    The second one ends the process at once. Files are then as they were last written.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread may handle signals
        return
    before = {
        number: signal.signal(number, lambda number, frame: asked.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    with _exit_at_second(before):
        try:
            yield lambda: bool(asked)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _exit_at_second(numbers: Collection[int]) -> Iterator[None]:
    """Exit with 130 when the second of these signals arrives, whatever is going on.

    Python's handlers wait while TensorFlow computes, and take two signals for one.
    """
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    earlier = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        count = 0
        while signals := ours.recv(64):
            count += sum(number in numbers for number in signals)
            if count > 1:
                with contextlib.suppress(OSError):
                    os.write(2, b"\ntfstyle: stopped at once; --resume goes on\n")
                os._exit(130)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        pythons.close()
        thread.join()
        ours.close()


def check_folder(
    folder: Path, resume: bool = False, overwrite: bool = False, dry_run: bool = False
) -> None:
    """Check that a run may go into `folder`, without touching it.

    Raises:
        ValueError: if it is a file, cannot be written, is in use, or holds an earlier
            run and neither `resume` nor `overwrite` says what to do with that (a
            `dry_run` leaves it alone).
    """
    if resume and overwrite:
        raise ValueError(
            "--resume and --overwrite exclude each other; give one of them"
        )
    check_writable(folder)
    if folder.is_dir():
        with locked(folder):  # or say now that it is in use
            pass
    _refuse_earlier(folder, resume, overwrite or dry_run)


def _refuse_earlier(folder: Path, resume: bool, overwrite: bool) -> None:
    names = (RESULT, CHECKPOINT, PREVIOUS, LOG, RECORD, CONFIG, SNAPSHOTS)
    earlier = [name for name in names if (folder / name).exists()]
    if earlier and not (resume or overwrite):
        goes_on = {CHECKPOINT, PREVIOUS}.intersection(earlier)
        ways = "--overwrite" + (" or --resume" if goes_on else "")
        raise ValueError(
            f"output {folder} holds an earlier run ({earlier[0]}); "
            f"choose another --output, or give {ways}"
        )


def is_finished(folder: Path, config: StyleConfig, pictures: dict[str, str]) -> bool:
    """Return whether the folder holds a run that came to its end.

    Raises:
        ValueError: if it does, but of another config or other pictures.
    """
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        finished = (folder / RESULT).is_file() and record["stopped"] in FINISHED
        about = yaml.safe_load((folder / CONFIG).read_text("utf-8"))
        before = {**about, "pictures": record["pictures"]}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return False
    if finished:
        check_unchanged(folder, before, config, pictures)
        remove_checkpoints(folder / CHECKPOINT)  # if it was killed before it could
    return finished


def check_writable(folder: Path) -> None:
    """Check that files can be made in `folder`, without making it.

    Raises:
        ValueError: if not.
    """
    try:
        parents = (folder, *folder.absolute().parents)
        parent = next(each for each in parents if each.exists())
        if not parent.is_dir():
            raise ValueError(
                f"output {folder}: {parent} is a file; choose a folder with --output"
            )
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise ValueError(
            f"output {folder}: nothing can be written there ({error.strerror}); "
            "choose another folder with --output"
        ) from error


@contextlib.contextmanager
def opened_folder(
    folder: Path, config: StyleConfig, resume: bool = False, overwrite: bool = True
) -> Iterator[None]:
    """Make the run directory and hold it; unless resumed, drop an earlier run.

    Its result stays until the new one replaces it.

    Raises:
        ValueError: if it cannot be made, is in use, or an earlier run is not to go.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            # Another run may have begun and ended since the folder was checked.
            _refuse_earlier(folder, resume, overwrite)
            for each in (folder, folder / SNAPSHOTS):
                remove_temporaries(each)
            if not resume:
                _drop_earlier(folder)
            write_text(folder / CONFIG, config.to_yaml())
            yield
    except OSError as error:
        raise ValueError(
            f"output {folder} cannot be made ({error.strerror}); "
            "choose another folder with --output"
        ) from error


def _drop_earlier(folder: Path) -> None:
    for name in (LOG, RECORD):
        (folder / name).unlink(missing_ok=True)
    remove_checkpoints(folder / CHECKPOINT)
    for snapshot in (folder / SNAPSHOTS).glob("step_*.png"):
        snapshot.unlink()
    with contextlib.suppress(OSError):  # it holds other files, or is not there
        (folder / SNAPSHOTS).rmdir()


def save_run(
    config: StyleConfig,
    folder: Path,
    step: "Step",
    stopped: str,
    seconds: float,
    checkpoints: Checkpoints,
    keep: Keepsakes | None = None,
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
    if done:
        remove_checkpoints(folder / CHECKPOINT)
        for film in folder.glob("film.*"):
            if film.suffix != f".{config.output.film}":  # of the run that was here
                film.unlink()


def plan(config: StyleConfig, inputs: Inputs) -> str:
    """Say what a run would do: pictures, sizes, steps, memory, device, precision."""
    with device.quiet_import():
        from tfstyle.replicas import all_replicas
        from tfstyle.transfer import choose_limit, choose_plan, choose_precision
    device.prepare()
    all_replicas()  # before anything else is computed
    height, width = inputs.content.shape[:2]
    lines = [f"content    {config.content.path} ({width} x {height})"]
    for style, picture in zip(config.styles, inputs.styles, strict=True):
        height, width = picture.shape[:2]
        lines.append(f"style      {style.path} ({width} x {height}), {style.weight:g}")
    precision, limit = choose_precision(config), choose_limit(config)
    for scale in schedule(config.pyramid, config.size):
        height, width = size_at(scale, inputs.content)
        how = choose_plan(config, inputs, scale, precision, limit)
        lines.append(f"scale      {width} x {height}, {scale.steps} steps, {how}")
    return "\n".join(
        [
            *lines,
            f"optimizer  {how.optimizer.name}",
            f"layers     {', '.join(config.objective.layers) or 'none'}",
            f"memory     about {how.gib:.1f} GiB of {limit:.1f} GiB",
            f"device     {device.device_name()}",
            f"precision  {precision}",
        ]
    )
