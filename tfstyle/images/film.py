"""Films: a GIF, an animated WebP or an MP4."""

import importlib.util
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfstyle.images.reading import StrPath
from tfstyle.system.files import write_bytes

_FRAME, _LAST_FRAME = 50, 2000  # milliseconds


def save_film(path: StrPath, frames: Sequence[npt.NDArray[np.uint8]]) -> None:
    """Write frames as a film of 20 frames a second that rests on the last one.

    Args:
        path: ends in .gif, .webp or .mp4; the file appears whole or not at all.
        frames: (height, width, 3) each, of one size.

    Raises:
        ValueError: another suffix, or .mp4 without the extra [film].
        OSError: the disk does not take the file.
    """
    path = Path(path)
    check_film(path.suffix)
    data = _video(frames) if path.suffix == ".mp4" else _animation(path, frames)
    write_bytes(path, data)


def check_film(suffix: str) -> None:
    """Check that a film can be written in the format that the suffix names.

    Raises:
        ValueError: if not.
    """
    if suffix not in (".gif", ".webp", ".mp4"):
        raise ValueError(
            f"got a film's suffix {suffix!r}; expected .gif, .webp or .mp4: rename it."
        )
    if suffix == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise ValueError(
            "an MP4 film needs FFmpeg; pip install 'tfstyle[film]', or choose gif or "
            "webp."
        )


def _animation(path: Path, frames: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    first, *rest = [Image.fromarray(frame) for frame in frames]
    durations = [*[_FRAME] * len(rest), _LAST_FRAME]
    buffer = BytesIO()
    options: dict[str, Any] = {"quality": 85} if path.suffix == ".webp" else {}
    first.save(
        buffer,
        path.suffix[1:].upper(),
        save_all=True,
        append_images=rest,
        duration=durations,
        loop=0,
        **options,
    )
    return buffer.getvalue()


def _video(frames: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    import imageio_ffmpeg

    height, width = (
        side - side % 2 for side in frames[0].shape[:2]
    )  # H.264 wants even
    held = [*frames, *[frames[-1]] * (_LAST_FRAME // _FRAME)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path), (width, height), fps=1000 / _FRAME, macro_block_size=2
        )
        writer.send(None)
        for frame in held:
            writer.send(np.ascontiguousarray(frame[:height, :width]))
        writer.close()
        return path.read_bytes()
