"""A stained-glass window.

The seeds of Voronoi cells lie on the rings of rosettes; the cells become panes of
streaky, hammered glass in lead.
"""

import numpy as np

from styles.tools import blur, mix, noise, palette, ramp, relief

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
            # The ground is divided among the rosettes in proportion to their sizes.
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
