"""Thick oil paint.

A stream function with whirls gives both the direction of some ten thousand brush
strokes and the currents of color they follow. Every stroke is a bundle of bristles with
a relief of its own, and a low lamp from the upper left lights that relief.
"""

import numpy as np
from PIL import Image, ImageDraw

from styles.tools import blur, look_up, mix, noise, palette, ramp, relief

NIGHT = palette("050920 0a1a4f 163a96 2358b8 1f7d96 5f9fc8 b5d0c0 f0ead0")
GLOW = palette("1c4a9c 2f8a92 a3b568 c98a26 e8a62a f6cc48 fceba0 fffbe4")
LAMPS = [  # across, down (fractions of the picture), size (pixels), spin
    (0.15, 0.25, 46, 1),
    (0.57, 0.40, 84, -1),
    (0.88, 0.17, 60, 1),
    (0.25, 0.74, 64, -1),
    (0.80, 0.79, 52, 1),
    (0.38, 0.08, 28, 1),
    (0.98, 0.52, 34, -1),
    (0.02, 0.52, 28, 1),
    (0.53, 0.93, 32, -1),
]
# Width (pixels), length (steps) and number of the strokes.
BRUSHES = [(32, 30, 1200), (19, 20, 2200), (12, 14, 4000), (8, 9, 3000)]


def night_sky(rng, shape, unit):
    """Stream function (h, w) and colors (h, w, 3) that the strokes follow."""
    y, x = np.mgrid[: shape[0], : shape[1]] / unit
    currents = 16 * noise(rng, shape, 46 * unit) + 0.4 * y
    calm, whirls, glow = np.ones(shape), np.zeros(shape), np.zeros(shape)
    for across, down, size, spin in LAMPS:
        r = np.hypot(x - across * x[0, -1], y - down * y[-1, 0]) / size
        calm *= 1 - np.exp(-0.5 * r**2)
        whirls += spin * size * 1.4 * np.exp(-0.5 * r**2)
        rings = 1 + 0.4 * np.cos(10 * r) * np.exp(-0.7 * r)
        glow = np.maximum(glow, np.exp(-1.1 * r) * rings)
    glow *= 1 + 0.1 * noise(rng, shape, 8 * unit)
    stream = currents * calm + whirls
    tone = 0.45 + 0.33 * np.sin(stream / 9) + 0.14 * noise(rng, shape, 24 * unit)
    # Some of the light currents carry gold.
    gold = np.exp(-(((tone - 0.7) / 0.1) ** 2))
    gold *= np.clip(2 * noise(rng, shape, 50 * unit) - 0.4, 0, 1)
    colors = mix(ramp(NIGHT, tone), ramp(GLOW, 0.2 + 0.6 * tone), gold)
    return stream, mix(colors, ramp(GLOW, glow), np.clip(4 * glow - 0.8, 0, 1))


def trace(stream, starts, steps, stride):
    """Follow the flow around `stream` from `starts` (n, 2): paths (n, steps, 2)."""
    down, right = np.gradient(stream)
    flow = np.stack([down, -right], -1)
    flow *= stride / (np.linalg.norm(flow, axis=-1, keepdims=True) + 1e-9)
    path = [starts]
    for _ in range(steps - 1):
        # The midpoint rule keeps small circles closed.
        halfway = path[-1] + look_up(flow, path[-1]) / 2
        path.append(path[-1] + look_up(flow, halfway))
    return np.stack(path, 1)


def draw_stroke(rng, draw, path, width, paints, hair):
    """Draw the bristles, `hair` pixels apart, of one stroke along `path` (k, 2).

    `paints` (2, 3) are the two colors on the brush.  The alpha channel of the
    drawing keeps the thickness of the paint.
    """
    tangent = np.gradient(path, axis=0)
    normal = tangent[:, ::-1] * [1, -1]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    body = rng.integers(60, 170)
    for offset in np.linspace(-1, 1, max(3, round(width / hair))):
        # The brush is round: outer bristles touch down later and lift earlier.
        trim = len(path) * (0.02 + 0.2 * offset**4 + 0.08 * rng.random(2))
        part = slice(int(trim[0]), len(path) - int(trim[1]))
        line = path[part] + normal[part] * offset * width / 2
        color = paints[0] + (paints[1] - paints[0]) * rng.random() ** 2
        color = 255 * np.clip(color + rng.normal(0, 0.015), 0, 1)
        # Paint piles up at the rims of a stroke.
        thickness = np.clip(body + 60 * offset**6 + rng.normal(0, 25), 30, 255)
        ink = tuple(int(value) for value in (*color, thickness))
        draw.line(line.ravel().tolist(), ink, round(hair * rng.uniform(1.1, 2.2)))


def swirls(rng, size):
    """Paint glowing whirls in a blue night with thick strokes of oil paint."""
    shape, unit = (size * 19 // 24, size), size / 768
    corner = np.array(shape[::-1])
    stream, colors = night_sky(rng, shape, unit)
    # Twice as large as the picture, for smooth edges.
    canvas = Image.new("RGBA", tuple(2 * corner), (6, 11, 38, 60))
    draw = ImageDraw.Draw(canvas)
    for width, steps, count in BRUSHES:
        starts = rng.uniform(-30 * unit, corner + 30 * unit, (count, 2))
        for path in trace(stream, starts, steps, 3.5 * unit):
            dips = path[steps // 2] + rng.normal(0, 5 * unit, (2, 2))
            paints = look_up(colors, dips) * rng.uniform(0.8, 1.2)
            paints += rng.normal(0, 0.03, 3)
            breadth = 2 * width * unit * rng.uniform(0.7, 1.2)
            draw_stroke(rng, draw, 2 * path, breadth, paints, 2.4 * unit)
    canvas = canvas.resize(tuple(corner), Image.Resampling.LANCZOS)
    paint, thickness = np.split(np.asarray(canvas) / 255, [3], axis=-1)
    bristles = blur(thickness[..., 0], 0.6 * unit)
    strokes = blur(thickness[..., 0], 2 * unit)
    light = relief(unit * (2.5 * bristles + 5 * strokes))[..., None]
    return paint * (1 + 0.6 * light) + 0.12 * np.maximum(light, 0)
