"""A film written whole or not at all: H.264 pictures, and another film's sound."""

import contextlib
import heapq
import itertools
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from tfstyle.clips.reading import BT709, About, StrPath
from tfstyle.system.files import replacing

# Sound that players expect in an MP4; other kinds are encoded anew, as AAC.
COPIED = ("aac", "ac3", "alac", "eac3", "flac", "mp3", "opus")
QUALITY = {"crf": "18", "preset": "medium"}
TELEVISION = 1  # FFmpeg's number of the range from 16 to 235

Timed = tuple[int, npt.NDArray[np.uint8]]
Packets = Iterator[av.Packet]


def write_film(
    path: Path, frames: Iterable[Timed], about: About, sound: StrPath | None = None
) -> None:
    """Write frames as H.264 in yuv420p, with the sound of another file.

    Args:
        path: of the MP4; its folder exists.
        frames: when each is shown, in `about.time_base`, and (height, width, 3), all of
            one size. An odd last row or column is cut off.
        about: rate, time base and pixel aspect.
        sound: a file whose first sound is taken, if it has any.

    Raises:
        ValueError: if FFmpeg cannot read the sound, or write the film.
        OSError: the disk does not take the file.
    """
    with replacing(path) as temporary, contextlib.ExitStack() as stack:
        try:
            options = {"movflags": "faststart"}
            opened = av.open(os.fspath(temporary), "w", "mp4", options)
            film = stack.enter_context(opened)
            packets, start = [_pictures(film, frames, about)], Fraction(0)
            if sound is not None:
                source = stack.enter_context(av.open(os.fspath(sound)))
                start = max(Fraction(source.start_time or 0, av.time_base), start)
                packets += [
                    _sound(film, source, each) for each in source.streams.audio[:1]
                ]
            # In the order of time, or the file would hold it all in memory.
            for packet in heapq.merge(*packets, key=_when):
                film.mux(_earlier(packet, start))
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise ValueError(
                f"film {path} cannot be written ({error.strerror}); check the sound of "
                f"{sound}"
            ) from error


def _earlier(packet: av.Packet, start: Fraction) -> av.Packet:
    """Let a packet be played so many seconds earlier.

    Broadcasts begin at any time, and players would wait for it.
    """
    ticks = round(start / packet.time_base)
    packet.dts -= ticks
    if packet.pts is not None:
        packet.pts -= ticks
    return packet


def _when(packet: av.Packet) -> Fraction:
    return (packet.dts or 0) * Fraction(packet.time_base or 1)


def _pictures(
    film: av.container.OutputContainer, frames: Iterable[Timed], about: About
) -> Packets:
    """Add a stream of pictures to a film; return its packets, encoded one by one."""
    frames = iter(frames)
    first = next(frames)
    height, width = (side - side % 2 for side in first[1].shape[:2])  # as yuv420p wants
    stream = film.add_stream("libx264", about.rate, QUALITY)
    stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
    stream.time_base = stream.codec_context.time_base = about.time_base
    stream.codec_context.sample_aspect_ratio = about.aspect
    stream.colorspace = stream.color_primaries = stream.color_trc = BT709
    stream.color_range = TELEVISION

    def packets() -> Packets:
        for time, pixels in itertools.chain([first], frames):
            inside = np.ascontiguousarray(pixels[:height, :width])
            frame = av.VideoFrame.from_ndarray(inside, "rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT709)
            frame.pts, frame.time_base = time, about.time_base
            yield from stream.encode(frame)
        yield from stream.encode()

    return packets()


def _sound(
    film: av.container.OutputContainer,
    source: av.container.InputContainer,
    heard: av.AudioStream,
) -> Packets:
    """Add another file's sound to a film; return its packets."""
    if heard.codec_context.name in COPIED:
        copy = film.add_stream_from_template(heard)
        return _copied(source, heard, copy)
    rate = heard.codec_context.sample_rate
    return _encoded(source, heard, film.add_stream("aac", rate))


def _copied(
    source: av.container.InputContainer, heard: av.AudioStream, copy: av.AudioStream
) -> Packets:
    for packet in source.demux(heard):
        if packet.dts is not None:  # the last one is empty
            packet.stream = copy
            yield packet


def _encoded(
    source: av.container.InputContainer, heard: av.AudioStream, stream: av.AudioStream
) -> Packets:
    for frame in source.decode(heard):
        yield from stream.encode(frame)
    yield from stream.encode()
