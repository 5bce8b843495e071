"""Small films for tests: a photograph that moves, a tone, and files that are wrong."""

import wave
from fractions import Fraction

import av
import numpy as np
from conftest import CONTENT, small

from tfstyle.clips.reading import About
from tfstyle.clips.writing import write_film
from tfstyle.images import to_uint8

NTSC = Fraction(30000, 1001)


def moving(count, size=(32, 48), step=2, upside_down_from=None):
    """Frames, uint8, of a camera that moves to the right over the cat."""
    cat = to_uint8(small(CONTENT, 120))
    height, width = size
    frames = [
        cat[20 : 20 + height, 8 + step * t : 8 + step * t + width] for t in range(count)
    ]
    if upside_down_from is not None:
        frames[upside_down_from:] = [255 - f[::-1] for f in frames[upside_down_from:]]
    return frames


def make_film(path, frames, rate=Fraction(25), times=None, time_base=None, **kept):
    """Write frames as a film; return its path."""
    height, width, _ = frames[0].shape
    about = About(height, width, rate, time_base or 1 / rate, Fraction(1))
    times = range(len(frames)) if times is None else times
    write_film(path, zip(times, frames, strict=True), about, **kept)
    return path


def make_tone(path, seconds=0.5, rate=44100):
    """Write a WAV file; return its path."""
    samples = 8000 * np.sin(np.arange(round(rate * seconds)) * 0.06)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def turned_film(path, degrees, frame, count=3):
    """Write a film that says it is to be turned counterclockwise; return its path."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", 25, {"crf": "1"})
        stream.height, stream.width = frame.shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.set_display_rotation(degrees)
        for _ in range(count):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        film.mux(stream.encode())
    return path


def sound_of(path):
    """Return the codec of a film's sound, and its packets with their times."""
    with av.open(str(path)) as film:
        if not film.streams.audio:
            return None, []
        stream = film.streams.audio[0]
        packets = [
            (packet.pts, bytes(packet))
            for packet in film.demux(stream)
            if packet.dts is not None
        ]
        return stream.codec_context.name, packets


def remuxed(source, path, later=0):
    """Put a film into another container, so many seconds later; return its path."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        copies = {each: new.add_stream_from_template(each) for each in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.pts += round(later / packet.time_base)
                packet.dts += round(later / packet.time_base)
                packet.stream = copies[packet.stream]
                new.mux(packet)
    return path


def seconds_of(path, kind="video"):
    """Return when each frame of a film is shown, or of its sound is heard."""
    with av.open(str(path)) as film:
        return [float(frame.time) for frame in film.decode(**{kind: 0})]
