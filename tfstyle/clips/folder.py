"""The folder of a film: frames/, video.json, config.yaml and at last result.mp4."""

import contextlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfstyle.clips.painting import frame_path
from tfstyle.clips.survey import Survey
from tfstyle.config import StyleConfig
from tfstyle.runs.changes import check_unchanged
from tfstyle.runs.folder import CONFIG, earlier_run
from tfstyle.runs.versions import installed_version, versions
from tfstyle.system.files import remove_temporaries, write_text

RESULT, RECORD, FRAMES = "result.mp4", "video.json", "frames"
LIBRARIES = ("av", "opencv-python-headless")

Record = dict[str, Any]
"""What video.json says: of the film, of how it is painted, and whether it is done."""


@dataclass(frozen=True)
class Earlier:
    """What becomes of what a folder holds already; as it is, it goes on."""

    resume: bool = False  # there must be something
    overwrite: bool = False  # what there is goes


def read_record(
    folder: Path, config: StyleConfig, found: Survey, earlier: Earlier
) -> Record | None:
    """Return the record of the film that goes on in a folder; None where one begins.

    Raises:
        ValueError: if there is one of another config, film or picture, or something
            else, or nothing where something must be.
    """
    if earlier.resume and earlier.overwrite:
        raise ValueError(
            "--resume and --overwrite exclude each other; give one of them"
        )
    if earlier.overwrite:
        return None
    record = _read(folder)
    if record is not None:
        before = {**record["config"], "pictures": record["pictures"]}
        check_unchanged(folder, before, config, found.checksums)
        if record["versions"] != _versions():
            warnings.warn(
                f"the film in {folder} was begun with other versions of "
                f"{', '.join(_versions())}; frames from here on may differ a little",
                stacklevel=2,
            )
        return record
    if earlier.resume:
        raise ValueError(
            f"there is no film in {folder}; check --output, or leave --resume out"
        )
    if earlier_run(folder):
        raise ValueError(
            f"output {folder} holds a run of another kind; choose another --output, or "
            "give --overwrite"
        )
    return None


def _read(folder: Path) -> Record | None:
    try:
        record: Record = json.loads((folder / RECORD).read_text("utf-8"))
        return {key: record[key] for key in NEEDED} | record
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / RECORD} is damaged; start again with --overwrite"
        ) from error


NEEDED = ("config", "pictures", "versions", "chosen", "stopped", "seconds")


def new_record(config: StyleConfig, found: Survey, chosen: Mapping[str, Any]) -> Record:
    """Return the record of a film that begins.

    Args:
        config: all options.
        found: of the film.
        chosen: the values of the keys that were left to be chosen on this machine.
    """
    about = found.about
    return {
        "stopped": "unfinished",
        "seconds": 0.0,
        "film": {
            "frames": len(found.times),
            "size": [about.width, about.height],
            "frames_per_second": str(about.rate),
            "shots": [[shot.start, shot.stop] for shot in found.shots],
        },
        "chosen": dict(chosen),
        "pictures": found.checksums,
        "versions": _versions(),
        "config": config.model_dump(),
    }


def write_record(folder: Path, record: Record) -> None:
    """Write video.json."""
    write_text(folder / RECORD, json.dumps(record, indent=2))


def begin(folder: Path, config: StyleConfig, record: Record, overwrite: bool) -> None:
    """Make the folder ready; what is overwritten goes, but for the earlier result."""
    if overwrite:
        (folder / RECORD).unlink(missing_ok=True)
        remove_frames(folder)
    for each in (folder, folder / FRAMES):
        remove_temporaries(each)
    write_text(folder / CONFIG, config.to_yaml())
    write_record(folder, record)


def remove_frames(folder: Path) -> None:
    """Remove the frames, and their folder if nothing else is in it."""
    for path in (folder / FRAMES).glob("frame_*.png"):
        path.unlink()
    with contextlib.suppress(OSError):  # it holds other files, or is not there
        (folder / FRAMES).rmdir()


def is_finished(folder: Path, record: Record | None) -> bool:
    """Return whether a record is of a film that is done, and the film is there."""
    done = record is not None and record["stopped"] == "finished"
    return done and (folder / RESULT).is_file()


def frames_done(folder: Path, shot: range) -> int:
    """Return how many frames of a shot are there."""
    return sum(frame_path(folder / FRAMES, number).is_file() for number in shot)


def _versions() -> dict[str, str]:
    return {**versions(), **{name: installed_version(name) for name in LIBRARIES}}
