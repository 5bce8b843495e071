"""Make a film from photographs in which it is known how everything moves.

    python scripts/make_clip.py --output clip.mp4 --flow flow.npz

A photograph is panned and zoomed, and a part of another one moves in front of it; a
tone rises. flow.npz holds for each frame after the first where each pixel was in the
one before: "flow" (frames - 1, height, width, 2), pixels to the right and down, and
"trust" (frames - 1, height, width), whether it was to be seen there.
"""

import sys
import tempfile
import wave
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.output import path_of
from tfstyle.clips.extra import check_extra
from tfstyle.images import box_mask, feathered, load_image, resize, to_uint8

EXAMPLES = Path(__file__).parent.parent / "examples" / "content"
SOUND = 44100  # samples a second

FLAGS = flags.FLAGS
flags.DEFINE_string("photo", str(EXAMPLES / "coffee.png"), "What is panned over.")
flags.DEFINE_string("front", str(EXAMPLES / "chelsea.png"), "What moves before it.")
flags.DEFINE_string("output", None, "Film to write; by default clip.mp4.")
flags.DEFINE_string("flow", None, "Where the flow goes, an .npz, if wanted.")
flags.DEFINE_integer("frames", 48, "How many.", 2)
flags.DEFINE_integer("width", 256, "Pixels; the height is 5/8 of it.", 32)
flags.DEFINE_integer("cut", None, "Where the photo turns upside down; no flow.", 1)

RATE = Fraction(24000, 1001)  # frames a second, as of many films


class Camera(NamedTuple):
    """Where a frame lies in a picture, in its pixels."""

    left: float
    top: float
    zoom: float  # of the picture's pixels, that one of the frame's is wide

    def at(self, x, y):
        """Return where in the picture a pixel of the frame is."""
        return self.left + self.zoom * x, self.top + self.zoom * y

    def back(self, u, v):
        """Return which pixel of the frame a place in the picture is."""
        return (u - self.left) / self.zoom, (v - self.top) / self.zoom


def main() -> int:
    """Draw the frames, the sound and the flow."""
    check_extra()
    from tfstyle.clips.reading import About
    from tfstyle.clips.writing import write_film

    output, size = path_of("output", "clip.mp4"), (FLAGS.width * 5 // 8, FLAGS.width)
    scene = Scene(size, FLAGS.frames)
    about = About(*size, RATE, 1 / RATE, Fraction(1))
    with tempfile.TemporaryDirectory() as folder:
        tone = Path(folder) / "tone.wav"
        write_tone(tone, float(FLAGS.frames / RATE))
        frames = ((t, to_uint8(scene.frame(t))) for t in range(FLAGS.frames))
        write_film(output, frames, about, tone)
    print(output)
    if FLAGS.flow:
        motions = [scene.flow(t) for t in range(1, FLAGS.frames)]
        flow, trust = (np.stack(each) for each in zip(*motions, strict=True))
        np.savez_compressed(FLAGS.flow, flow=flow, trust=trust)
        print(FLAGS.flow)
    return 0


class Scene:
    """A photograph behind, a part of another one in front, and how both move."""

    def __init__(self, size, frames):
        self.size, self.frames = size, frames
        _, width = size
        self.behind = fitting(load_image(FLAGS.photo), 1.35 * width)
        front = fitting(load_image(FLAGS.front), 0.75 * width)
        mask = box_mask(front.shape[:2], (0.2, 0.05, 0.72, 0.95), ellipse=True)
        self.front = np.concatenate([front, feathered(mask, 1.5)], axis=-1)
        y, x = np.indices(size, np.float32)
        self.places = x, y

    def cameras(self, t):
        """Return those of what is behind and in front, at a frame."""
        part = t / (self.frames - 1)
        height, width = self.size
        zoom = 1.2 - 0.25 * part
        behind = Camera(0.18 * width * part, 0.05 * height + 0.1 * height * part, zoom)
        across = (-0.05 + 0.75 * part) * width - 0.15 * width
        down = (0.28 + 0.12 * np.sin(2 * np.pi * part)) * height
        return behind, Camera(-across, -down, 1.0)

    def frame(self, t):
        """Return the picture, (height, width, 3), in [0, 1]."""
        behind, front = self.cameras(t)
        picture = sample(self.behind, behind.at(*self.places))
        if FLAGS.cut is not None and t >= FLAGS.cut:
            picture = picture[::-1]
        moving = sample(self.front, front.at(*self.places), "constant")
        return picture + moving[..., 3:] * (moving[..., :3] - picture)

    def covered(self, t, places):
        """Return how much of what is in front is at places of a frame."""
        return sample(self.front, self.cameras(t)[1].at(*places), "constant")[..., 3]

    def flow(self, t):
        """Return the flow to the frame before and where it can be trusted."""
        in_front = self.covered(t, self.places) > 0.5
        x, y = self.places
        ends = [
            before.back(*now.at(x, y))
            for now, before in zip(self.cameras(t), self.cameras(t - 1), strict=True)
        ]
        u, v = (
            np.where(in_front, front, behind)
            for behind, front in zip(*ends, strict=True)
        )
        hidden = (self.covered(t - 1, (u, v)) > 0.05) & ~in_front
        edge = in_front & (self.covered(t, self.places) < 0.95)
        height, width = self.size
        inside = (u >= 0) & (v >= 0) & (u <= width - 1) & (v <= height - 1)
        flow = np.stack([u - x, v - y], axis=-1).astype(np.float32)
        return flow, inside & ~hidden & ~edge


def fitting(picture, width):
    """Return a picture of about this width."""
    height = round(picture.shape[0] * width / picture.shape[1])
    return resize(picture, height, round(width))


def sample(picture, places, beyond="reflect"):
    """Return a picture's colors at places (x, y), bicubic."""
    import cv2

    x, y = (np.asarray(each, np.float32) for each in places)
    border = {"reflect": cv2.BORDER_REFLECT_101, "constant": cv2.BORDER_CONSTANT}
    found = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=border[beyond])
    return np.clip(found, 0, 1)


def write_tone(path, seconds):
    """Write a soft tone that rises by an octave."""
    times = np.arange(round(seconds * SOUND)) / SOUND
    phase = 2 * np.pi * 220 * (times + times**2 / (2 * seconds))
    samples = (4000 * np.sin(phase)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SOUND)
        file.writeframes(samples.tobytes())


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
