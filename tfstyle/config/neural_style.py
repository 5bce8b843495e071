"""Command lines of neural-style, and of its PyTorch port, as configs of tfstyle.

The objective is theirs (see configs/neural_style.yaml): mean squared content errors,
and mean squared errors of Gram matrices that are divided by the elements of F, so by C
more than ours; variation of pixels in 0..255.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tfstyle.errors import nearest
from tfstyle.vgg.layers import layer

DEFAULTS = {
    "style_image": "",
    "content_image": "",
    "style_blend_weights": "",
    "image_size": "512",
    "content_weight": "5",
    "style_weight": "100",
    "tv_weight": "1e-3",
    "num_iterations": "1000",
    "init": "random",
    "init_image": "",
    "optimizer": "lbfgs",
    "learning_rate": "10",
    "lbfgs_num_correction": "0",
    "style_scale": "1",
    "pooling": "max",
    "seed": "-1",
    "content_layers": "relu4_2",
    "style_layers": "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
}
"""What neural-style does without a flag."""

INEXPRESSIBLE = {
    "normalize_gradients": "layers are weighted by objective's layers instead",
    "original_colors": "color: content_luminance is the nearest",
    "model_file": "extractor.weights takes Keras files; the network here is VGG19",
}
IRRELEVANT = (
    *("gpu", "backend", "cudnn_autotune", "multigpu_strategy", "multidevice_strategy"),
    *("print_iter", "save_iter", "output_image", "proto_file", "disable_check"),
)
ALONE = ("normalize_gradients", "cudnn_autotune", "disable_check")  # without a value


def translate(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the config of a command line, and a line on each flag that it cannot have.

    Args:
        words: of the command line, with or without the program.

    Raises:
        ValueError: for an unknown flag, a missing picture or a value that is none.
    """
    flags = dict(_flags(words))
    notes = [
        f"-{name} has no counterpart and is left out: {INEXPRESSIBLE[name]}"
        for name, value in flags.items()
        if name in INEXPRESSIBLE and value != "0"
    ]
    chosen = {name: flags.get(name, default) for name, default in DEFAULTS.items()}
    for name in ("content_image", "style_image"):
        if not chosen[name]:
            raise ValueError(f"the command line has no -{name}; add it, with a path")
    return _config(chosen), notes


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the flags with their values."""
    left = [*words]
    while left and not left[0].startswith("-"):
        left.pop(0)  # th neural_style.lua
    known = (*DEFAULTS, *INEXPRESSIBLE, *IRRELEVANT)
    while left:
        name = left.pop(0).lstrip("-")
        if name not in known:
            hint = nearest(name, known)
            raise ValueError(f"-{name} is no flag of neural-style{hint}")
        if name in ALONE:
            yield name, "1"
        elif not left:
            raise ValueError(f"-{name} has no value")
        else:
            yield name, left.pop(0)


def _config(chosen: dict[str, str]) -> dict[str, Any]:
    """Return the config, with what differs from tfstyle's defaults."""
    steps = round(_number(chosen, "num_iterations"))
    config: dict[str, Any] = {
        "content": {"path": chosen["content_image"]},
        "styles": _styles(chosen),
        "size": round(_number(chosen, "image_size")),
        "init": _start(chosen),
        "color_strength": 0.0,
        "extractor": {"pooling": _one_of(chosen, "pooling", "max", "avg")},
        "objective": _objective(chosen),
        "optimizer": _optimizer(chosen),
        "pyramid": {"min_size": None, "steps": [steps]},
        "precision": "float32",
    }
    config["extractor"]["padding"] = "zeros"
    seed = round(_number(chosen, "seed"))
    return {**config, "seed": seed} if seed >= 0 else config


def _styles(chosen: dict[str, str]) -> list[dict[str, Any]]:
    paths = chosen["style_image"].split(",")
    given = chosen["style_blend_weights"]
    weights = given.split(",") if given else ["1"] * len(paths)
    if len(weights) != len(paths):
        raise ValueError(
            f"-style_blend_weights has {len(weights)} numbers for {len(paths)} style "
            "images; give one for each"
        )
    scale = _number(chosen, "style_scale")
    return [
        {"path": path, "weight": _float(weight, "style_blend_weights"), "scale": scale}
        for path, weight in zip(paths, weights, strict=True)
    ]


def _start(chosen: dict[str, str]) -> str:
    if _one_of(chosen, "init", "random", "image") == "random":
        return "noise"
    return chosen["init_image"] or "content"


def _objective(chosen: dict[str, str]) -> dict[str, Any]:
    styles = _layers(chosen, "style_layers")
    return {
        "formulation": "mean",
        "content_weight": _number(chosen, "content_weight"),
        "content_layers": dict.fromkeys(_layers(chosen, "content_layers"), 1.0),
        "style_weight": _number(chosen, "style_weight"),
        "style_layers": {name: layer(name).channels ** -2.0 for name in styles},
        "tv_weight": 255 * _number(chosen, "tv_weight"),
        "tv_reduction": "sum",
    }


def _optimizer(chosen: dict[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "name": _one_of(chosen, "optimizer", "lbfgs", "adam"),
        "tolerance": 0.0,  # all its steps
    }
    if options["name"] == "adam":
        options["learning_rate"] = _number(chosen, "learning_rate") / 255
    elif history := round(_number(chosen, "lbfgs_num_correction")):
        options["history"] = history
    return options


def _layers(chosen: dict[str, str], flag: str) -> list[str]:
    """Return Keras' names of layers such as relu4_2."""
    found = []
    for name in chosen[flag].split(","):
        block, _, number = name.removeprefix("relu").partition("_")
        found.append(f"block{block}_conv{number}")
        try:
            layer(found[-1])
        except ValueError:
            raise ValueError(
                f"-{flag} {name}: tfstyle has VGG19's relu1_1 to relu5_4"
            ) from None
    return found


def _number(chosen: dict[str, str], flag: str) -> float:
    return _float(chosen[flag], flag)


def _float(text: str, flag: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"-{flag} {text}: a number is needed") from None


def _one_of(chosen: dict[str, str], flag: str, *known: str) -> str:
    if chosen[flag] not in known:
        raise ValueError(f"-{flag} {chosen[flag]}: it should be {' or '.join(known)}")
    return chosen[flag]
