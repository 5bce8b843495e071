"""The frames of a shot, each painted from the one before.

Ruder, Dosovitskiy & Brox ("Artistic Style Transfer for Videos", 2016): a frame starts
from the last result, moved by the optical flow to where things are now, and a term
holds it there, but for where the flow is not to be trusted.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import tfstyle
from tfstyle.api import transfer
from tfstyle.clips.flow import motion, warp
from tfstyle.clips.reading import pictures
from tfstyle.clips.survey import shot_inputs
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.state import Step
from tfstyle.images import Picture, fit_size, load_image, resize, save_image, to_uint8

if TYPE_CHECKING:
    from tfstyle.engine.kept import Kept

OnStep = Callable[[int, Step], object]
"""Called with the number of a frame and a step of its run."""


class Before(NamedTuple):
    """The frame before."""

    content: Picture
    result: Picture


def render_shot(
    config: StyleConfig,
    folder: Path,
    shot: range,
    on_step: OnStep = lambda number, step: None,
    kept: "Kept | None" = None,
) -> None:
    """Paint those frames of a shot that are not there yet.

    All that it needs is on disk and shots have nothing in common, so several processes
    may paint one each.

    Args:
        config: all options; the content is the film. To go on to the same bytes, its
            `precision` and `memory.limit_gib` are not left to be chosen.
        folder: where the frames go; made if it is not there.
        shot: the numbers of its frames.
        on_step: watches; what it raises ends the shot after the last whole frame.
        kept: what runs have in common; by default that of all runs of this process.

    Raises:
        ValueError: if the film or a picture cannot be used, or a run cannot begin.
        FloatingPointError: if no step leads to finite losses.
    """
    missing = [n for n in shot if not frame_path(folder, n).is_file()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    shared, before = shot_inputs(config, shot), None
    shared = replace(shared, colors=shared.content)
    first = max(shot.start, missing[0] - 1)
    for number, content in _contents(config, range(first, shot.stop)):
        if number < missing[0]:
            result = load_image(frame_path(folder, number))
        else:
            inputs = _frame_inputs(shared, content, before)
            now = config if before is None else going_on(config)
            step = _painted(now, inputs, number, on_step, kept)
            result = _as_saved(step.image())
            save_image(frame_path(folder, number), result, _text(number, step, inputs))
        before = Before(content, result)


def frame_path(folder: Path, number: int) -> Path:
    """Return the file of a frame, which counts from 0."""
    return folder / f"frame_{number:06}.png"


def going_on(config: StyleConfig) -> StyleConfig:
    """Return the options of a frame that goes on from the last one.

    A few steps at each size: with none at the coarse ones, what comes into view would
    look like a photograph between the paint. All details: the picture that it starts
    from has them at every size.
    """
    few = {"steps": [config.video.steps], "details": 1.0}
    pyramid = config.pyramid.model_copy(update=few)
    return config.model_copy(update={"pyramid": pyramid})


def _contents(config: StyleConfig, numbers: range) -> Iterator[tuple[int, Picture]]:
    """Yield frames by number, at the size that they are painted at."""
    frames = pictures(str(config.content.path), numbers.start)
    for number, frame in zip(numbers, frames, strict=False):
        height, width, _ = frame.shape
        yield number, resize(frame, *fit_size(height, width, config.size))


def _frame_inputs(shared: Inputs, content: Picture, before: Before | None) -> Inputs:
    if before is None:
        return replace(shared, content=content)
    flow, trust = motion(content, before.content)
    previous = warp(before.result, flow)
    return replace(shared, content=content, previous=previous, trust=trust)


def _painted(
    config: StyleConfig,
    inputs: Inputs,
    number: int,
    on_step: OnStep,
    kept: "Kept | None",
) -> Step:
    """Return the last step of a frame."""
    with contextlib.closing(transfer(config, inputs, kept=kept)) as steps:
        for step in steps:
            on_step(number, step)
    return step


def _as_saved(image: Picture) -> Picture:
    """Return a picture in the levels of its file, as a resumed film finds it."""
    return np.asarray(to_uint8(image) / np.float32(255), np.float32)


def _text(number: int, step: Step, inputs: Inputs) -> dict[str, str]:
    """Return what a frame's PNG says of itself: the same whenever it was painted."""
    trusted = 0.0 if inputs.trust is None else float(inputs.trust.mean())
    about = {
        "frame": number,
        "trusted": round(trusted, 4),  # of its pixels
        "steps": step.step,
        "losses": dict(step.losses),
    }
    software = f"tfstyle {tfstyle.__version__}"
    return {"Software": software, "Frame": json.dumps(about)}
