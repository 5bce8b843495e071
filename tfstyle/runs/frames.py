"""Pictures of a run kept as small files while it goes on, and the film made of them."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfstyle.engine.state import Step
from tfstyle.images import (
    fit_size,
    load_image,
    resize,
    save_film,
    save_image,
    to_uint8,
)

FILM_FRAMES, LONG_SIDE = 100, 512  # about so many; pixels

Wanted = Callable[[Step], bool]


def for_film(steps: int) -> Wanted:
    """Choose about a hundred of so many steps, and whichever is the last."""
    every = max(1, round(steps / FILM_FRAMES))
    return lambda step: step.step % every == 0 or step.last


class Frames:
    """An observer that keeps the pictures of some steps, so that a resumed run has all.

    Args:
        folder: for frame_000040.jpg and the like; made when the first is due.
        wanted: whether a step's picture is kept.
        long_side: pixels that a picture may have; larger ones are reduced.
    """

    def __init__(self, folder: Path, wanted: Wanted, long_side: int = LONG_SIDE):
        self._folder, self._wanted, self._long_side = folder, wanted, long_side
        self._begun = False

    def __call__(self, step: Step) -> None:
        if not self._begun:
            self._begun = True
            self._drop_from(step.step)
        if self._wanted(step):
            long_side = min(max(step.height, step.width), self._long_side)
            size = fit_size(step.height, step.width, long_side)
            self._folder.mkdir(exist_ok=True)
            path = self._folder / f"frame_{step.step:06}.jpg"
            save_image(path, resize(step.image(), *size))

    def _drop_from(self, step: int) -> None:
        """Drop the pictures of steps that a resumed run takes again."""
        for number, path in frame_files(self._folder).items():
            if number >= step:
                path.unlink()


def frame_files(folder: Path) -> dict[int, Path]:
    """Return the files that `Frames` wrote, by step."""
    numbered = [
        (path.stem.removeprefix("frame_"), path) for path in folder.glob("frame_*.jpg")
    ]
    return dict(sorted((int(n), path) for n, path in numbered if n.isdecimal()))


def remove_frames(folder: Path) -> None:
    """Remove the files that `Frames` wrote, and the folder if nothing else is there."""
    for path in frame_files(folder).values():
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds other files, or is not there
        folder.rmdir()


def write_film(path: Path, folder: Path) -> None:
    """Write the frames of a folder as a film, all at the size of the last one.

    Raises:
        ValueError, OSError: as `images.save_film`.
    """
    frames = [load_image(each) for each in frame_files(folder).values()]
    size = frames[-1].shape[:2]
    save_film(path, [_at_size(frame, size) for frame in frames])


def _at_size(frame: np.ndarray, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return to_uint8(resize(frame, *size))
