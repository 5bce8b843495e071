"""Command lines of neural-style, and of its PyTorch port, as configs of tfstyle.

Johnson's neural-style (2015, in Lua) and neural-style-pt have nearly the same flags.
With pixels of 0..255 and G = FᵀF / (C M), the port minimizes

    content_weight Σ_l mean (F - P)² + style_weight Σ_l mean (G - A)²
    + tv_weight Σ (|dx| + |dy|)

where A is the mean of the styles' Gram matrices by -style_blend_weights. In our `mean`
form G is FᵀF / M and pixels are in [0, 1]: a style layer has the weight 1 / C², and
variation 255 tv_weight. `translate` names what a line asks for and a config cannot say.

Some differences no flag tells of. Pixels stay in [0, 1] here; there, they are clipped
when they are saved. Both programs multiply pixels by 256, not 255. Their L-BFGS takes
steps of a fixed length, ours has a line search.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from tfstyle.config.neural_style_flags import SWITCHES, Flags, number, read
from tfstyle.config.schema import validate
from tfstyle.vgg.layers import LAYERS

WHITE = 255.0
PAIRS = 100  # that both keep where the flag is absent or 0; also the most of ours


def translate(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the config of a command line, and a line on each thing it cannot have.

    Args:
        words: of the command line, with or without the program.

    Raises:
        ValueError: for an unknown flag, a missing picture or a value that is none.
    """
    flags = read(words)
    config = _config(flags)
    validate(config)
    return config, [*_without_counterpart(flags), *_of_no_use(flags)]


def _config(flags: Flags) -> dict[str, Any]:
    """Return the config, with what differs from tfstyle's defaults."""
    config: dict[str, Any] = {
        "content": {"path": flags.path("content_image")},
        "styles": _styles(flags),
        "size": flags.whole("image_size"),
        "init": _start(flags),
        "color_strength": 0.0,
        "extractor": {
            "pooling": flags.one_of("pooling", "max", "avg"),
            "padding": "zeros",
        },
        "objective": _objective(flags),
        "optimizer": _optimizer(flags),
        "pyramid": {"min_size": None, "steps": [flags.whole("num_iterations")]},
        "precision": "float32",
    }
    seed = flags.whole("seed")
    return {**config, "seed": seed} if seed >= 0 else config


def _styles(flags: Flags) -> list[dict[str, Any]]:
    paths = flags.path("style_image").split(",")
    if "" in paths:
        raise ValueError(
            f"-style_image {','.join(paths)} has an empty path; separate paths by one "
            "comma"
        )
    given = flags["style_blend_weights"]
    weights = ["1"] * len(paths) if given in ("", "nil") else given.split(",")
    if len(weights) != len(paths):
        raise ValueError(
            f"-style_blend_weights has {len(weights)} numbers for {len(paths)} style "
            "images; give one for each"
        )
    shares = [number("style_blend_weights", weight) for weight in weights]
    if not any(shares):
        raise ValueError(f"-style_blend_weights {given} is all 0; raise one of them")
    scale = flags.number("style_scale")
    return [
        {"path": path, "weight": weight, "scale": scale}
        for path, weight in zip(paths, shares, strict=True)
    ]


def _start(flags: Flags) -> str:
    if flags.one_of("init", "random", "image") == "random":
        return "noise"
    return flags["init_image"] or "content"


def _objective(flags: Flags) -> dict[str, Any]:
    styles = _layers(flags, "style_layers")
    return {
        "formulation": "mean",
        "content_weight": flags.number("content_weight"),
        "content_layers": dict.fromkeys(_layers(flags, "content_layers"), 1.0),
        "style_weight": flags.number("style_weight"),
        "style_layers": {name: LAYERS[name].channels ** -2.0 for name in styles},
        "tv_weight": WHITE * flags.number("tv_weight"),
        "tv_reduction": "sum",
    }


def _layers(flags: Flags, flag: str) -> list[str]:
    """Return Keras' names of layers such as relu4_2 and pool4."""
    found = []
    for name in flags[flag].split(","):
        block, _, place = name.removeprefix("relu").partition("_")
        ours = f"block{block}_conv{place}"
        if name.startswith("pool"):
            ours = f"block{name.removeprefix('pool')}_pool"
        if ours not in LAYERS:
            # A convolution before its ReLU is a layer there; Keras has both in one.
            hint = f"; write {name.replace('conv', 'relu')}" * name.startswith("conv")
            raise ValueError(
                f"-{flag} {name!r}: tfstyle has VGG19's relu1_1 to relu5_4 and "
                f"pool1 to pool5{hint}"
            )
        found.append(ours)
    return found


def _optimizer(flags: Flags) -> dict[str, Any]:
    options: dict[str, Any] = {
        "name": flags.one_of("optimizer", "lbfgs", "adam"),
        "tolerance": 0.0,  # all its steps
    }
    if options["name"] == "lbfgs":
        return {**options, "history": min(_pairs(flags), PAIRS)}
    # Pixels are 255 times smaller here, and gradients 255 times larger: so is what is
    # added to the root of their squares, 1e-8 there (Kingma & Ba 2015, algorithm 1).
    rate = flags.number("learning_rate") / WHITE
    return {**options, "learning_rate": rate, "epsilon": 1e-8 * WHITE}


def _pairs(flags: Flags) -> int:
    return flags.whole("lbfgs_num_correction") or PAIRS


def _without_counterpart(flags: Flags) -> Iterator[str]:
    """Yield a line on each thing that changes the result there, and cannot be here."""
    none = "has no counterpart and is left out"
    for name in SWITCHES:
        if name in flags.given:
            yield f"-{name} {none}: give layers weights of their own in the config"
    if flags.one_of("original_colors", "0", "1") == "1":
        yield f"-original_colors {none}: color: content_luminance is the nearest"
    model = PurePath(flags["model_file"]).name.lower()
    if "normali" in model:
        yield f"-model_file {none}: extractor.normalized: true is the nearest"
    elif "19" not in model:
        yield f"-model_file {none}: the network here is VGG19"
    if flags["init"] == "random":
        yield (
            "-init random is nearly uniform grey there (0.001 times noise around the "
            "mean color); here, init: noise, it is noise of all colors"
        )
    if not flags.port and flags.number("tv_weight"):
        yield (
            "-tv_weight is of squared differences in neural_style.lua, which a config "
            "cannot express; here, and in its PyTorch port, it is of absolute ones"
        )
    if flags["optimizer"] == "lbfgs" and _pairs(flags) > PAIRS:
        yield f"-lbfgs_num_correction: {PAIRS} pairs are kept, the most there can be"


def _of_no_use(flags: Flags) -> Iterator[str]:
    """Yield a line on each flag that is given and counts only with another."""
    for name, other, value in (
        ("init_image", "init", "image"),
        ("learning_rate", "optimizer", "adam"),
        ("lbfgs_num_correction", "optimizer", "lbfgs"),
    ):
        if name in flags.given and flags[other] != value:
            yield f"-{name} counts only with -{other} {value}, there as well"
