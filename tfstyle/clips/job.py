"""One film from its config to its folder: what the command line does."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfstyle.api import Stop
from tfstyle.clips.folder import (
    FRAMES,
    RESULT,
    Earlier,
    Record,
    begin,
    is_finished,
    new_record,
    read_record,
    remove_frames,
    write_record,
)
from tfstyle.clips.painting import frame_path, render_shot
from tfstyle.clips.parallel import paint_shots
from tfstyle.clips.progress import Progress
from tfstyle.clips.survey import Survey, survey
from tfstyle.clips.writing import Timed, write_film
from tfstyle.config import StyleConfig
from tfstyle.engine.state import Step
from tfstyle.errors import RunError
from tfstyle.images import load_image, to_uint8
from tfstyle.jobs.places import Place
from tfstyle.runs.folder import check_writable
from tfstyle.runs.job import failure
from tfstyle.system.devices import prepared
from tfstyle.system.locks import locked
from tfstyle.system.quiet import require_tensorflow
from tfstyle.system.signals import stop_signals


def render_clip(
    config: StyleConfig,
    folder: Path,
    earlier: Earlier | None = None,
    keep_frames: bool = True,
    place: Callable[[int], Place] | None = None,
) -> str:
    """Paint a film into a folder, going on where it was left.

    Args:
        config: all options; the content is the film.
        folder: for frames/, video.json and result.mp4.
        earlier: what becomes of what is there; by default it goes on.
        keep_frames: do not remove them at the end.
        place: opens where so many shots are painted; by default here, one by one.

    Returns:
        "finished", or "interrupted" by SIGINT or SIGTERM: what is whole is there.

    Raises:
        ValueError: if it cannot begin: the film cannot be read, say.
        RunError: if anything else goes wrong.
    """
    earlier = earlier or Earlier()
    check_writable(folder)
    found = survey(config)
    opened = place(len(found.shots)) if place else None
    record = read_record(folder, config, found, earlier)
    if record is None:
        record = new_record(config, found, choices(config, opened))
    with _held(folder):
        if not is_finished(folder, record):
            begin(folder, config, record, earlier.overwrite)
            with _failures_told():
                if _paint(config, folder, found, record, opened) == "interrupted":
                    return "interrupted"
        if not keep_frames:
            remove_frames(folder)
    return "finished"


def choices(config: StyleConfig, place: Place | None = None) -> dict[str, Any]:
    """Return what the config leaves to be chosen, chosen for all frames at once.

    Processes that paint at a time divide the memory, and keep to that when they go on.

    Raises:
        ValueError: if TensorFlow cannot be used.
    """
    require_tensorflow()
    at_a_time = place.slots if place else 1
    with prepared():
        from tfstyle.engine.context import choose_limit, choose_precision

        return {
            "precision": choose_precision(config),
            "memory.limit_gib": round(choose_limit(config) / at_a_time, 3),
        }


def _paint(
    config: StyleConfig,
    folder: Path,
    found: Survey,
    record: Record,
    place: Place | None,
) -> str:
    """Paint what is missing and write the film; return why it stopped."""
    began, stopped = time.perf_counter(), "interrupted"
    chosen = config.with_overrides(record["chosen"])
    whole = (
        paint_shots(chosen, folder, found.shots, place)
        if place
        else _all_shots(chosen, folder, found.shots)
    )
    if whole:
        stopped, frames = "finished", _frames(folder, found.times)
        write_film(folder / RESULT, frames, found.about, sound=config.content.path)
    seconds = record["seconds"] + time.perf_counter() - began
    write_record(folder, {**record, "stopped": stopped, "seconds": round(seconds, 1)})
    return stopped


def _all_shots(config: StyleConfig, folder: Path, shots: list[range]) -> bool:
    """Paint all shots, one after the other; return False if asked to stop."""
    progress = Progress(config, folder, shots)
    with stop_signals() as asked, contextlib.closing(progress):

        def on_step(number: int, step: Step) -> None:
            progress(number, step)
            if asked():
                raise Stop

        try:
            for shot in shots:
                render_shot(config, folder / FRAMES, shot, on_step)
        except Stop:
            return False
    return True


def _frames(folder: Path, times: list[int]) -> Iterator[Timed]:
    for number, time_shown in enumerate(times):
        picture = load_image(frame_path(folder / FRAMES, number))
        yield time_shown, to_uint8(picture)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Make the folder, and hold it against other processes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"output {folder} cannot be made ({error.strerror}); "
            "choose another folder with --output"
        ) from error
    with locked(folder):
        yield


@contextlib.contextmanager
def _failures_told() -> Iterator[None]:
    """Turn what goes wrong, but for what the user can correct, into a `RunError`."""
    try:
        yield
    except (ValueError, RunError):
        raise
    except Exception as error:
        raise failure(error) from error
