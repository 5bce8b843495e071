"""Masks, colors and strokes without end: a run can begin, or is refused in a line."""

import itertools
import random
import warnings

import numpy as np
from fuzz_pictures import CHANGES, healthy_pictures
from fuzzing import SEED, mutated

from tfstyle.config import StyleConfig, with_stroke
from tfstyle.engine.coloring import choose_coloring
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import schedule
from tfstyle.engine.start import start_image
from tfstyle.images import save_mask
from tfstyle.objective.guides import carry
from tfstyle.runs.inputs import load_inputs

WILD = (-1, 0, 1e-9, 0.5, 1, 2, 4, 9, 1e300, float("nan"), "a", None, [], True, "all")
KINDS = ("black", "white", "pixel", "half", "noise", "row", "column", "grey", "speck")


def mask_of(kind, rng):
    """Return a mask, (h, w, 1)."""
    height, width = rng.choice(((30, 40), (1, 1), (1, 90), (200, 3), (300, 400)))
    mask = np.zeros((height, width, 1), np.float32)
    if kind == "white":
        mask[:] = 1
    elif kind == "pixel":
        mask[rng.randrange(height), rng.randrange(width)] = 1
    elif kind == "half":
        mask[:, : width // 2] = 1
    elif kind == "noise":
        mask[:] = np.random.default_rng(rng.randrange(99)).random(mask.shape)
    elif kind == "row":
        mask[rng.randrange(height)] = 1
    elif kind == "column":
        mask[:, rng.randrange(width)] = 1
    elif kind == "grey":
        mask[:] = 0.5
    elif kind == "speck":
        mask[0, 0] = 1 / 255
    return mask


def picture_file(folder, rng, files):
    """Write a mask, or a picture that may be damaged; return its path."""
    if rng.random() < 0.8:
        path = folder / "mask.png"
        path = path.with_stem(f"mask_{len(files)}")
        save_mask(path, mask_of(rng.choice(KINDS), rng))
    else:
        healthy = healthy_pictures()
        name = rng.choice(sorted(healthy))
        data = healthy[name]
        path = folder / f"{len(files)}_{name}"
        path.write_bytes(data if rng.random() < 0.5 else mutated(data, rng, CHANGES))
    files.append(path)
    return str(path)


def overrides(folder, rng, content, files):
    """Return some of the controls, most of them with good values."""

    def value(good):
        return rng.choice(WILD) if rng.random() < 0.04 else rng.choice(good)

    styles = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        style = {"path": content, "weight": value((0, 0.5, 1, 1, 3))}
        style |= {name: value((0, 0.3, 1, 1, 1)) for name in ("color", "strokes")}
        style["scale"] = value((0.5, 1, 2))
        for name in ("mask", "style_mask"):
            if rng.random() < 0.5:
                style[name] = picture_file(folder, rng, files)
        styles.append(style)
    found = {
        "content.path": content,
        "styles": styles,
        "size": value((32, 64, 100)),
        "init": value(("content", "noise", "style")),
        "color": value(("style", "content_match", "content_luminance")),
        "color_strength": value((0, 0.5, 1)),
        "stroke": value((0.5, 1, 2, 4)),
        "direction": value((0, 90, 180, "mirror", "all")),
        "photorealism": value((0, 0.5, 1)),
        "pyramid.min_size": value((None, 32)),
    }
    if rng.random() < 0.3:
        found["keep.mask"] = picture_file(folder, rng, files)
    if rng.random() < 0.2:
        found["palette"] = picture_file(folder, rng, files)
    return found


def control_cases(folder):
    """Yield names of cases without end, and how to begin each run."""
    content = folder / "content.png"
    content.write_bytes(healthy_pictures()["plain.png"])
    for number in itertools.count():
        rng, files = random.Random(SEED + number), []
        given = overrides(folder, rng, str(content), files)
        yield f"{number} controls", lambda given=given: begin(given)
        for path in files:
            path.unlink()


def begin(given):
    """Do what a run does before its first step, but for the network."""
    config = StyleConfig().with_overrides(given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an invalid value, a division by zero
        warnings.filterwarnings("ignore", message="the style picture")
        inputs = load_inputs(config)
        plain = with_stroke(config)
        coloring = choose_coloring(plain, inputs)
        for scale in schedule(plain.pyramid, plain.size):
            check(ScaledInputs(plain, inputs, scale, coloring))


def check(scaled):
    assert_inside(scaled.content)
    assert_inside(start_image(scaled))
    assert np.isfinite(scaled.chroma).all()
    regions = scaled.regions
    if regions.masks:
        assert sum(regions.masks).max() <= 1 + 1e-5
    assert not regions.masks or sum(regions.fractions) > 0
    for mask in regions.masks:
        for layer in ("block1_conv1", "block3_conv1"):
            assert_inside(carry(mask, layer))
    for index, turn in itertools.product(
        range(len(scaled.config.styles)), scaled.directions
    ):
        style, mask = scaled.style(index, turn), scaled.source_mask(index, turn)
        assert_inside(style)
        assert_inside(mask)
        assert style.shape[:2] == mask.shape
        assert mask.any()


def assert_inside(values):
    assert values.dtype == np.float32
    assert values.size
    assert 0 <= values.min() <= values.max() <= 1  # NaN fails as well
