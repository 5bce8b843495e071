"""The objective written a second time: NumPy, float64, and the words of the papers."""

import numpy as np

NAMES = ("total", "content", "style", "variation")


def features_of(network, picture):
    """Layer to F, (M, C), in float64."""
    pixels = np.asarray(picture[None], np.float32)
    return {
        name: np.asarray(features, np.float64).reshape(-1, features.shape[-1])
        for name, features in network(pixels).items()
    }


def losses_of(network, chosen, image, content, *styles):
    """Total, content, style and variation of an image, by name.

    Args:
        network: picture to features.
        chosen: config's objective.
        image: (h, w, 3).
        content: (h, w, 3).
        *styles: pictures, or pairs of one and its weight.
    """
    features = features_of(network, image)
    return losses_from(features, network, chosen, image, content, *styles)


def losses_from(features, network, chosen, image, content, *styles):
    """Return the same, given the image's features."""
    targets = features_of(network, content)
    pairs = [each if isinstance(each, tuple) else (each, 1.0) for each in styles]
    whole = sum(weight for _, weight in pairs)
    measured = [(features_of(network, each), w / whole) for each, w in pairs]
    content_term = sum(
        weight * content_loss(chosen.formulation, features[name], targets[name])
        for name, weight in chosen.content_layers.items()
    )
    style_loss = {"gram": gram_loss, "moments": moments_loss}[chosen.style_loss]
    style_term = sum(
        weight
        * style_loss(
            chosen.formulation, features[name], [(s[name], w) for s, w in measured]
        )
        for name, weight in chosen.style_layers.items()
    )
    variation = variation_loss(image, chosen)
    total = (
        chosen.content_weight * content_term
        + chosen.style_weight * style_term
        + chosen.tv_weight * variation
    )
    values = total, content_term, style_term, variation
    return dict(zip(NAMES, values, strict=True))


def content_loss(formulation, f, p):
    """Of features (M, C)."""
    if formulation == "paper":
        return 0.5 * np.sum((f - p) ** 2)
    if formulation == "mean":
        return np.mean((f - p) ** 2)
    return np.sum((f - p) ** 2) / np.sum(p**2)


def gram_loss(formulation, f, styles):
    """Of features (M, C) and of those of the styles, with weights that add up to 1."""
    m, n = f.shape
    g = f.T @ f  # sums over positions, as the paper has them
    a = m * sum(w * s.T @ s / len(s) for s, w in styles)
    if formulation == "paper":
        return np.sum((g - a) ** 2) / (4 * n**2 * m**2)
    if formulation == "mean":
        return np.mean((g / m - a / m) ** 2)
    return np.sum((g - a) ** 2) / np.sum(a**2)


def moments_loss(formulation, f, styles):
    """Return Li et al. (2017): (μ - μ')² + (σ - σ')², the mean over channels.

    Several styles are one distribution, of which each has the fraction of its weight.
    """
    target_mean = sum(w * s.mean(0) for s, w in styles)
    variance = sum(w * (s.var(0) + (s.mean(0) - target_mean) ** 2) for s, w in styles)
    target_deviation = np.sqrt(variance + 1e-6)
    deviation = np.sqrt(f.var(0) + 1e-6)
    error = np.mean(
        (f.mean(0) - target_mean) ** 2 + (deviation - target_deviation) ** 2
    )
    if formulation in ("mean", "paper"):
        return error
    return error / np.mean(target_mean**2 + target_deviation**2)


def gram(features):
    """G of features of any shape (..., C)."""
    flat = np.asarray(features, np.float64).reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def variation_sum(image):
    """Σ (|dx| + |dy|) of a picture (h, w, 3)."""
    image = np.asarray(image, np.float64)
    return sum(np.abs(np.diff(image, axis=axis)).sum() for axis in (0, 1))


def variation_loss(image, chosen):
    """Sum or mean, as the config's objective has it."""
    sums = {"auto": chosen.formulation == "paper", "sum": True, "mean": False}
    total = variation_sum(image)
    return total if sums[chosen.tv_reduction] else total / image.size


def finite_differences(function, at, step=1e-5):
    """Central differences in float64, entry by entry."""
    at = np.array(at, np.float64)
    slopes = np.empty_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        slopes[index] = (above - function(moved)) / (2 * step)
    return slopes
