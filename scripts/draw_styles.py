"""Draw the three sample style pictures, each from nothing but random numbers.

* ``swirls.jpg``: thick oil paint.  A stream function with whirls gives both the
  direction of some ten thousand brush strokes and the currents of color they
  follow.  Every stroke is a bundle of bristles with a relief of its own, and a
  low lamp from the upper left lights that relief.
* ``glass.jpg``: a stained-glass window.  The seeds of Voronoi cells lie on the
  rings of rosettes; the cells become panes of streaky, hammered glass in lead.
* ``marbling.jpg``: marbled paper (ebru).  Drops of ink push one another apart on
  a bath, then combs and whirls stir it.  Both motions have a closed form, so
  every point of the paper is followed back in time to the drop it came from.

Lengths are in pixels of a picture whose long side is 768 pixels, multiplied by
``unit`` for other sizes; those of the marbling are shares of its width.  The same
seed and size always give the same pictures.
"""

import pathlib

import numpy as np
from absl import app, flags
from PIL import Image, ImageDraw

_OUTPUT = flags.DEFINE_string("output", "examples/style", "Folder for the pictures.")
_SIZE = flags.DEFINE_integer(
    "size", 768, "Long side of a picture, pixels.", lower_bound=64
)
_SEED = flags.DEFINE_integer("seed", 3, "Seed of the random numbers.", lower_bound=0)

# ------------------------------------------------------------- shared tools


def palette(codes):
    """Turn color codes like ``"1d3f8f"``, split by blanks, into (n, 3) in [0, 1]."""
    return np.array([list(bytes.fromhex(code)) for code in codes.split()]) / 255


def ramp(colors, tone):
    """Blend along `colors` (n, 3): `tone` (...) in [0, 1] to colors (..., 3)."""
    stops = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(tone, stops, channel) for channel in colors.T], -1)


def mix(first, second, weight):
    """Blend two color arrays (..., 3) by `weight` (...) in [0, 1]."""
    return first + (second - first) * weight[..., None]


def blur(field, sigma):
    """Gaussian blur of a field (h, w), periodic at its borders."""
    fy = np.fft.fftfreq(field.shape[0])[:, None]
    fx = np.fft.rfftfreq(field.shape[1])
    kernel = np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
    return np.fft.irfft2(np.fft.rfft2(field) * kernel, field.shape)


def noise(rng, shape, scale, octaves=1):
    """Smooth random field (h, w) of unit variance with blobs of size `scale`."""
    total = np.zeros(shape)
    for octave in range(octaves):
        layer = blur(rng.standard_normal(shape), scale / 2**octave)
        total += layer / layer.std() / 2**octave
    return total / total.std()


def relief(height):
    """Light in [-1, 1] that a lamp at the upper left throws on `height` (h, w)."""
    down, right = np.gradient(height)
    return -(0.8 * down + 0.6 * right) / np.sqrt(1 + down**2 + right**2)


def save(pixels, path):
    """Write `pixels` (h, w, 3) in [0, 1] as a JPEG file of high quality."""
    image = Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))
    image.save(path, quality=92, subsampling="4:4:4")


# ------------------------------------------------------------------- swirls

NIGHT = palette("050920 0a1a4f 163a96 2358b8 1f7d96 5f9fc8 b5d0c0 f0ead0")
GLOW = palette("1c4a9c 2f8a92 a3b568 c98a26 e8a62a f6cc48 fceba0 fffbe4")
LAMPS = [  # across, down (shares of the picture), size (pixels), spin
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


def look_up(field, points):
    """Values of `field` (h, w, ...) at the pixels of `points` (n, 2), kept inside."""
    column, row = np.clip(points, 0, np.array(field.shape[1::-1]) - 1).astype(int).T
    return field[row, column]


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


# -------------------------------------------------------------------- glass

JEWELS = [  # from the heart of a rosette to the ground around it
    palette("ffe9a0 f5b52e e0492a b0122c 7a0f3a 12508a 081f4e"),
    palette("fff0b8 f0c24a 58b8d0 1f6cc4 14308e 0f6a66 06303a"),
    palette("fff6d0 e8d85a 7fbf4a 1a8a50 0b5a58 14408e 0a1448"),
    palette("ffe3c0 f7a04a e04a6a a01a6a 4c1c78 0f6a7a 082642"),
]
LEAD = palette("17161c")


def rosettes(rng, shape, unit):
    """Scatter rosettes, large ones first: hearts (m, 2) and sizes (m,)."""
    hearts, sizes = np.empty((0, 2)), np.empty(0)
    for size in unit * np.linspace(130, 42, 900):
        heart = rng.random(2) * shape[::-1]
        if (np.hypot(*(hearts - heart).T) > 0.95 * (sizes + size)).all():
            hearts, sizes = np.vstack([hearts, heart]), np.append(sizes, size)
    return hearts, sizes


def petals(rng, hearts, sizes, shape, unit):
    """Rings of panes: seeds (n, 2), their rosettes (n,) and colors (n, 3)."""
    seeds, owners, colors = [np.empty((0, 2))], [], []
    for owner, (heart, size) in enumerate(zip(hearts, sizes, strict=True)):
        radius, width, aspect = 0.0, size / 5 + 6 * unit, rng.uniform(0.5, 0.9)
        while radius < 3 * size:
            count = max(1, round(2 * np.pi * radius / (aspect * width)))
            angle = 2 * np.pi * (np.arange(count) + rng.random()) / count
            ring = heart + radius * np.stack([np.cos(angle), np.sin(angle)], -1)
            ring += rng.normal(0, 0.07 * width, ring.shape)
            # The rosettes share the ground between them in proportion to size.
            reach = np.linalg.norm(ring[:, None] - hearts, axis=-1) / sizes
            gap = np.linalg.norm(ring[:, None] - np.concatenate(seeds), axis=-1)
            wide = gap.min(1, initial=np.inf) > 9 * unit
            inside = (np.abs(ring / shape[::-1] - 0.5) < 0.56).all(1)
            ring = ring[inside & wide & (reach.argmin(1) == owner)]
            tone = radius / size / 1.15 + rng.normal(0, 0.06, len(ring))
            sun = 0.8 + 0.55 * np.exp(-2 * (radius / size) ** 2)
            seeds.append(ring)
            owners += [owner] * len(ring)
            colors.append(sun * ramp(JEWELS[owner % len(JEWELS)], tone))
            radius += width
    return np.concatenate(seeds), np.array(owners), np.concatenate(colors)


def voronoi(spots, seeds):
    """Nearest and second nearest of `seeds` (n, 2) to `spots` (h, w, 2): (2, h, w)."""
    pairs = []
    for row in spots:
        # The square of the distance, less a part that is the same for all seeds.
        measure = (seeds**2).sum(1) - 2 * row @ seeds.T
        first = measure.argmin(1)
        measure[np.arange(len(row)), first] = np.inf
        pairs.append([first, measure.argmin(1)])
    return np.swapaxes(pairs, 0, 1)


def light_panes(rng, colors, offset, first, edge, unit):
    """Colors (h, w, 3) of sunlit glass without its leads.

    `offset` (h, w, 2) leads from the seed of the pane `first` (h, w), and `edge`
    (h, w) is the distance to the middle of the lead.
    """
    shape, panes = first.shape, len(colors)
    heading = rng.uniform(0, 2 * np.pi, panes)
    slant = np.stack([np.cos(heading), np.sin(heading)], -1)[first]
    phase = rng.uniform(0, 2 * np.pi, panes)
    streaks = np.sin(5 * noise(rng, shape, 14 * unit, 3) + phase[first])
    hammered = relief(0.7 * unit * noise(rng, shape, 1.8 * unit))
    light = 1 + rng.normal(0, 0.1, panes)[first] + 0.01 * (offset * slant).sum(-1)
    light += 0.17 * streaks + 0.28 * hammered
    # Soot gathers along the leads.
    light *= 1.12 - 0.8 * np.exp(-edge / 3)
    bevel = relief(-9 * unit * np.exp(-((edge / 5) ** 2)))
    bubbles = np.clip(noise(rng, shape, 1.2 * unit) - 2, 0, 1)
    shine = 0.25 * np.maximum(bevel, 0) + 0.3 * bubbles
    shine += 0.12 * np.maximum(streaks - 0.3, 0)
    return colors[first] * light[..., None] + shine[..., None]


def glass(rng, size):
    """Lead a window of rosettes from panes of streaky, hammered glass."""
    shape, unit = (size, size * 19 // 24), size / 768
    hearts, sizes = rosettes(rng, shape, unit)
    seeds, owners, colors = petals(rng, hearts, sizes, shape, unit)
    y, x = np.mgrid[: shape[0], : shape[1]]
    # A little wobble, since no glazier cuts straight.
    wobble = [noise(rng, shape, 30 * unit, 2) for _ in range(2)]
    spots = np.stack([x, y], -1) + 5 * unit * np.stack(wobble, -1)
    first, second = voronoi(spots, seeds)
    here, there = seeds[first], seeds[second]
    # Distance to the line halfway between the two nearest seeds.
    across = (here - there) / np.linalg.norm(here - there, axis=-1, keepdims=True)
    edge = ((spots - (here + there) / 2) * across).sum(-1) / unit
    window = light_panes(rng, colors, (spots - here) / unit, first, edge, unit)
    outline = owners[first] != owners[second]
    width = 1.5 + 1.5 * outline + 0.35 * noise(rng, shape, 12 * unit)
    gleam = np.maximum(relief(3 * unit * np.cos(1.5 * edge / width)), 0)
    window = mix(window, LEAD + 0.25 * gleam[..., None], np.clip(width - edge, 0, 1))
    halo = np.stack([blur(channel, 9 * unit) for channel in window.T]).T
    return window + 0.22 * halo * (1 - window)


# ----------------------------------------------------------------- marbling

INKS = palette("f3e4c2 c63d27 1b3160 2b7a80 e3a840 86b5a6 84222e 101a3c")
SHARES = [0.17, 0.20, 0.16, 0.15, 0.11, 0.09, 0.06, 0.06]
OUTLINE = palette("141627")
DROPS = 1300
RIM = 1.15  # area of a drop with its outline, in areas of the drop
FINE = 3  # points along each side of a pixel, for smooth edges
PARTS = 80  # parts of the paper, each small enough for the processor's cache
# Points of the paper are complex numbers x + iy, and so is its lower right corner.


def scatter(rng, count, corner):
    """One random point in each of count x count cells: complex (count**2,)."""
    row, column = np.divmod(rng.permutation(count**2), count)
    across, down = np.stack((column, row)) + rng.random((2, count**2))
    return (across * corner.real + 1j * down * corner.imag) / count


def unstir(rng, points, corner):
    """Follow `points` (h, w) back through whirls and, before these, combs: (h, w)."""
    for centre in scatter(rng, 3, corner):
        arm = points - centre
        turn = rng.choice([-1, 1]) * rng.uniform(1.2, 3.6)
        size = corner.real * rng.uniform(0.05, 0.13)
        angle = turn * np.exp(-(np.abs(arm / size) ** 2))
        points = points + arm * (np.exp(1j * angle) - 1)
    for heading, teeth, pull in [(1.6, 17, 0.06), (0.05, 7, 0.1)]:
        way = complex(np.exp(1j * heading))
        aside = (points * way.conjugate()).imag
        low, high = aside.min(), aside.max()
        for tooth in range(teeth):
            # A tooth drags the ink in its way along, and that beside it less.
            at = low + (high - low) * (tooth + rng.uniform(0.25, 0.75)) / teeth
            drag = pull * corner.real * np.exp(-np.abs(aside - at) / corner.real * 50)
            points = points - way * (-1) ** tooth * drag
    return points


def shower(rng, count, corner):
    """Drops on a bath around the paper, last one first: middles and radii (count,)."""
    spots = scatter(rng, 11, 1.2 * corner) - 0.1 * corner
    wander = rng.normal(0, 0.012 * corner.real, (count, 2)) @ [1, 1j]
    middles = np.resize(spots, count) + wander
    # The bath is more and more crowded: the last drops are the smallest.
    radii = corner.real * np.linspace(0.006, 0.044, count)
    radii *= rng.uniform(0.6, 1.3, count)
    return middles.astype(np.complex64), radii.astype(np.float32)


def undrop(points, middles, radii):
    """Follow `points` (n,) back to the drops that they came from.

    Returns the number of the drop (n,), -1 for none, the squared distance (n,) from
    its middle in radii, and the points (n,) at the time when it fell.
    """
    drop, origin = np.zeros(points.shape, int), points.copy()
    depth, floating = np.zeros(points.shape), np.arange(points.size)
    for number, (middle, radius) in enumerate(zip(middles, radii, strict=True)):
        arm = points - middle
        square = (arm.real**2 + arm.imag**2) / radius**2
        inside = square < RIM
        fallen = floating[inside]
        drop[fallen], depth[fallen] = number, square[inside]
        origin[fallen] = points[inside]
        # The drop had pushed all others outwards, and kept their areas.
        outside = ~inside
        floating, square = floating[outside], square[outside]
        points = middle + arm[outside] * np.sqrt(1 - RIM / square)
    # The rest is the bare bath.
    drop[floating] = -1
    return drop, depth, origin


def marbling(rng, size):
    """Float drops of ink on a bath, stir them and lay paper on it."""
    width, height = size, size * 5 // 6
    shape, corner = (FINE * height, FINE * width), FINE * complex(width, height)
    middles, radii = shower(rng, DROPS, corner)
    inks = np.append(rng.choice(len(INKS), DROPS, p=SHARES), 0)
    y, x = np.mgrid[: shape[0], : shape[1]]
    # The combs are never quite straight.
    sway = [noise(rng, shape, 0.06 * corner.real) for _ in range(2)]
    points = x + 1j * y + 0.008 * corner.real * (sway[0] + 1j * sway[1])
    points = unstir(rng, points, corner).astype(np.complex64)
    parts = np.array_split(points.ravel(), PARTS)
    parts = [undrop(part, middles, radii) for part in parts]
    drop, depth, origin = map(np.concatenate, zip(*parts, strict=True))
    ink = np.where(depth < 1, inks[drop], -1)
    # The grain of the ink was stirred along with it.
    grain = noise(rng, shape, corner.real / 100, 3)
    grain = look_up(grain, np.stack([origin.real, origin.imag], -1))
    # Thick ink absorbs more light, which makes its color deeper.
    thickness = 0.85 + 0.3 * depth**3 + 0.16 * grain
    colors = np.vstack([INKS, OUTLINE])[ink] ** thickness[:, None]
    sheet = colors.reshape(height, FINE, width, FINE, 3).mean((1, 3))
    return sheet * (1 + 0.012 * noise(rng, (height, width), 0.8)[..., None])


def main(_):
    """Draw the pictures, each from random numbers of its own."""
    folder = pathlib.Path(_OUTPUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate([swirls, glass, marbling]):
        rng = np.random.default_rng([_SEED.value, number])
        save(picture(rng, _SIZE.value), folder / f"{picture.__name__}.jpg")


if __name__ == "__main__":
    app.run(main)
