"""The run directory: what it holds, who may use it, and what becomes of earlier runs.

It holds result.png, config.yaml, log.csv, run.json, a film and snapshots/ if asked for
and, while the run is not finished, checkpoint.npz, the one before and frames/.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from tfstyle.config import StyleConfig
from tfstyle.runs.changes import check_unchanged
from tfstyle.runs.checkpoint import previous, remove_checkpoints
from tfstyle.runs.frames import remove_frames
from tfstyle.system.files import remove_temporaries, write_text
from tfstyle.system.locks import locked

RESULT, CONFIG, LOG, RECORD = "result.png", "config.yaml", "log.csv", "run.json"
CHECKPOINT, SNAPSHOTS, FRAMES = "checkpoint.npz", "snapshots", "frames"
FINISHED = ("finished", "converged")
PREVIOUS = previous(Path(CHECKPOINT)).name


def film_name(kind: str) -> str:
    """Return the name of a run's film."""
    return f"film.{kind}"


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
    earlier = earlier_run(folder)
    if earlier and not (resume or overwrite):
        raise ValueError(f"output {folder} {earlier}")


def earlier_run(folder: Path) -> str:
    """Say what a folder holds of an earlier run, and what may be done; "" if none."""
    names = (RESULT, CHECKPOINT, PREVIOUS, LOG, RECORD, CONFIG, SNAPSHOTS)
    earlier = [name for name in names if (folder / name).exists()]
    if not earlier:
        return ""
    ways = "--overwrite" + (" or --resume" if resumable(folder) else "")
    return (
        f"holds an earlier run ({earlier[0]}); choose another --output, or give {ways}"
    )


def resumable(folder: Path) -> bool:
    """Return whether a folder holds the checkpoint of a run."""
    return any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS))


def is_finished(folder: Path, config: StyleConfig, pictures: dict[str, str]) -> bool:
    """Return whether the folder holds a run that came to its end.

    Raises:
        ValueError: if it does, but of another config or other pictures, or without the
            film that the config asks for.
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
        _check_film(folder, config)
    return finished


def _check_film(folder: Path, config: StyleConfig) -> None:
    kind = config.output.film
    if kind and not (folder / film_name(kind)).is_file():
        raise ValueError(
            f"the run in {folder} is finished, without {film_name(kind)}, and its "
            "frames are gone; leave output.film out, or start again with --overwrite"
        )


def drop_leftovers(folder: Path, config: StyleConfig, pictures: dict[str, str]) -> None:
    """Remove what a finished run left if it was killed before it could tidy up.

    Raises:
        ValueError: if the folder is in use.
    """
    with locked(folder):
        if is_finished(folder, config, pictures):
            remove_checkpoints(folder / CHECKPOINT)
            remove_frames(folder / FRAMES)


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
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
            # Another run may have begun and ended since the folder was checked.
            _refuse_earlier(folder, resume, overwrite)
            _prepare(folder, resume)
            write_text(folder / CONFIG, config.to_yaml())
        except OSError as error:
            raise ValueError(
                f"output {folder} cannot be made ({error.strerror}); "
                "choose another folder with --output"
            ) from error
        yield


def _prepare(folder: Path, resume: bool) -> None:
    for each in (folder, folder / SNAPSHOTS, folder / FRAMES):
        remove_temporaries(each)
    if not resume:
        _drop_earlier(folder)


def _drop_earlier(folder: Path) -> None:
    for name in (LOG, RECORD):
        (folder / name).unlink(missing_ok=True)
    remove_checkpoints(folder / CHECKPOINT)
    remove_frames(folder / FRAMES)
    for snapshot in (folder / SNAPSHOTS).glob("step_*.png"):
        snapshot.unlink()
    with contextlib.suppress(OSError):  # it holds other files, or is not there
        (folder / SNAPSHOTS).rmdir()
