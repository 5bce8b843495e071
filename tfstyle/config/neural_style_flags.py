"""The flags of neural-style and of its PyTorch port: names, defaults and ranges."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tfstyle.config.messages import short
from tfstyle.errors import nearest

DEFAULTS = {
    "style_image": "",
    "content_image": "",
    "style_blend_weights": "nil",
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
    "original_colors": "0",
    "pooling": "max",
    "model_file": "VGG_ILSVRC_19_layers.caffemodel",
    "seed": "-1",
    "content_layers": "relu4_2",
    "style_layers": "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
}
"""What neural-style does without a flag."""

PORT_DEFAULTS = {"learning_rate": "1"}
"""Where its PyTorch port does something else."""

RANGES = {
    "image_size": (16, 65536),
    "num_iterations": (1, 1_000_000),
    "style_scale": (0.01, 8),
    "seed": (-1, 2**53),
}
"""The least and the most of a number; of all others 0 and infinity."""

SWITCHES = ("normalize_gradients", "normalize_weights")
"""Flags without a value; a config has no such thing."""

IRRELEVANT_SWITCHES = ("cudnn_autotune", "disable_check")
IRRELEVANT = (
    *("gpu", "backend", "multigpu_strategy", "multidevice_strategy", "proto_file"),
    *("print_iter", "save_iter", "output_image"),
)
"""Flags that change nothing about what is computed."""


@dataclass(frozen=True)
class Flags:
    """A command line: the values of its flags, or what it does without them."""

    given: dict[str, str]
    port: bool  # of the PyTorch port, not of the original in Lua

    def __getitem__(self, name: str) -> str:
        others = DEFAULTS | PORT_DEFAULTS if self.port else DEFAULTS
        return self.given.get(name, others[name])

    def number(self, name: str) -> float:
        """Return a flag as a number within its range."""
        return number(name, self[name])

    def whole(self, name: str) -> int:
        """Return a flag as a whole number within its range."""
        return int(number(name, self[name], whole=True))

    def one_of(self, name: str, *known: str) -> str:
        """Return a flag's value if it is a known one."""
        if self[name] not in known:
            raise ValueError(
                f"-{name} {short(self[name])}: it should be {' or '.join(known)}"
            )
        return self[name]

    def path(self, name: str) -> str:
        """Return a flag that has to be given."""
        if not self[name]:
            raise ValueError(f"the command line has no -{name}; add it, with a path")
        return self[name]


def read(words: Sequence[str]) -> Flags:
    """Read a command line; where a flag is repeated, the last one counts.

    Args:
        words: of it, with or without the program: ["th", "neural_style.lua",
            "-style_image", "a.jpg", ...]. Without one it is the original's, in Lua.

    Raises:
        ValueError: for an unknown flag, one without its value, or a stray word.
    """
    left = [*words]
    program = []
    while left and not left[0].startswith("-"):
        program.append(left.pop(0))
    if program and not re.search(r"neural.style", program[-1]):
        raise ValueError(
            f"{short(program[-1])} is no flag; begin with th neural_style.lua, python "
            "neural_style.py or the first -flag"
        )
    given = {}
    while left:
        word = left.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        _check(word, name)
        if name in (*SWITCHES, *IRRELEVANT_SWITCHES):
            value = "1"
        elif not equals:
            value = left.pop(0) if left else "-"
            if re.match(r"-(?![\d.])", value):  # a flag, not a number below 0
                raise ValueError(f"-{name} has no value; write one after it")
        given[name] = value
    return Flags(given, bool(program) and not program[-1].endswith(".lua"))


def _check(word: str, name: str) -> None:
    known = (*DEFAULTS, *SWITCHES, *IRRELEVANT, *IRRELEVANT_SWITCHES)
    if not word.startswith("-"):
        raise ValueError(f"{short(word)} follows no flag; quote a value with spaces")
    if name not in known:
        hint = nearest(name, known).replace("mean ", "mean -")
        raise ValueError(f"-{name} is no flag of neural-style{hint}")


def number(name: str, text: str, whole: bool = False) -> float:
    """Read a number as Lua does, where whole ones are also written as 512.0 or 1e3.

    Raises:
        ValueError: if it is none, or out of the flag's range.
    """
    least, most = RANGES.get(name, (0, math.inf))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most or math.isinf(value) or (whole and value % 1):
        kind = "a whole number" if whole else "a number"
        span = f"of {least} to {most}" if most < math.inf else f"of at least {least}"
        raise ValueError(f"-{name} {short(text)}: give {kind} {span}")
    return value
