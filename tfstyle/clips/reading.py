"""Films read frame by frame: however long one is, a few frames are in memory."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt

from tfstyle.images import Picture

StrPath = str | os.PathLike[str]
THUMBNAIL = 48, 27  # width and height
UNSPECIFIED, BT601, BT709 = 2, 5, 1  # FFmpeg's numbers of color spaces
HIGH_DEFINITION = 720  # rows from which BT.709 is meant where a film does not say


class Thumbnail(NamedTuple):
    """A frame at a glance."""

    time: int  # when it is shown, in `About.time_base`
    grey: npt.NDArray[np.uint8]  # (27, 48), as stored, not rotated


class About(NamedTuple):
    """What a film's file says of its pictures."""

    height: int  # as they are shown
    width: int
    rate: Fraction  # frames a second; of a variable rate the mean
    time_base: Fraction  # seconds
    aspect: Fraction  # width over height of a pixel as it is shown


def about(path: StrPath) -> About:
    """Return what a film's file says of its pictures.

    Raises:
        ValueError: if it cannot be read, or holds no pictures.
    """
    with _opened(path) as (container, stream):
        first = next(container.decode(stream), None)
        if first is None:
            raise ValueError(f"film {path} has no frames; give one that can be played")
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        height, width = first.height, first.width
        if _turns(first) % 2:
            height, width, aspect = width, height, 1 / aspect
        return About(height, width, rate, Fraction(stream.time_base), aspect)


def pictures(path: StrPath, first: int = 0) -> Iterator[Picture]:
    """Yield the frames as they are shown, from one on: (height, width, 3), in [0, 1].

    Raises:
        ValueError: if the film cannot be read.
    """
    with _opened(path) as (container, stream):
        size = None
        # Decoding is far quicker than painting: no need to seek.
        for frame in itertools.islice(container.decode(stream), first, None):
            size = size or (frame.width, frame.height)  # should it change
            rgb = frame.reformat(*size, format="rgb24", src_colorspace=_space(frame))
            turned = np.rot90(rgb.to_ndarray(), _turns(frame))
            yield turned / np.float32(255)


def thumbnails(path: StrPath) -> Iterator[Thumbnail]:
    """Yield all frames at a glance, each later than the one before.

    Raises:
        ValueError: if the film cannot be read.
    """
    with _opened(path) as (container, stream):
        step = 1 / (Fraction(stream.average_rate or 25) * Fraction(stream.time_base))
        last = None
        for number, frame in enumerate(container.decode(stream)):
            time = round(number * step) if frame.pts is None else frame.pts
            last = time if last is None else max(time, last + 1)
            small = frame.reformat(*THUMBNAIL, format="gray", interpolation="AREA")
            yield Thumbnail(last, small.to_ndarray())


@contextlib.contextmanager
def _opened(
    path: StrPath,
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a film at its first stream of pictures; say in a line what is wrong."""
    try:
        with av.open(os.fspath(path)) as container:
            if not container.streams.video:
                raise ValueError(f"film {path} has no pictures; give one that has")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except av.FFmpegError as error:
        raise ValueError(
            f"film {path} cannot be read ({error.strerror}); check the path, or "
            "convert it to MP4 first"
        ) from error


def _turns(frame: av.VideoFrame) -> int:
    """Return by how many quarters counterclockwise a frame is to be turned."""
    return int(round(frame.rotation / 90) % 4)


def _space(frame: av.VideoFrame) -> int:
    """Return the color space that a film names, or else players assume."""
    if frame.colorspace != UNSPECIFIED:
        return int(frame.colorspace)
    return BT709 if frame.height >= HIGH_DEFINITION else BT601
