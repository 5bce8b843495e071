"""Marbled paper (ebru).

Drops of ink push one another apart on a bath, then combs and whirls stir it. Both
motions have a closed form, so every point of the paper is followed back in time to the
drop it came from. Lengths are fractions of the picture's width.
"""

import numpy as np

from styles.tools import look_up, noise, palette

INKS = palette("f3e4c2 c63d27 1b3160 2b7a80 e3a840 86b5a6 84222e 101a3c")
FRACTIONS = [0.17, 0.20, 0.16, 0.15, 0.11, 0.09, 0.06, 0.06]  # of the drops, by ink
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
    for heading, teeth, strength in [(1.6, 17, 0.06), (0.05, 7, 0.1)]:
        way = complex(np.exp(1j * heading))
        aside = (points * way.conjugate()).imag
        low, high = aside.min(), aside.max()
        for tooth in range(teeth):
            # A tooth drags the ink in its way along, and that beside it less.
            at = low + (high - low) * (tooth + rng.uniform(0.25, 0.75)) / teeth
            drag = (
                strength * corner.real * np.exp(-np.abs(aside - at) / corner.real * 50)
            )
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
    inks = np.append(rng.choice(len(INKS), DROPS, p=FRACTIONS), 0)
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
