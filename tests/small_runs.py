"""Options of runs that take seconds, with the real VGG19 or with its tiny twin."""

from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs

ONE_LINE = r"\A[^\n]+\Z"
SMALL = {
    "size": 48,
    "pyramid": {"min_size": None, "steps": [3]},
    "optimizer.history": 3,  # as many as there are steps: less to compile
    "precision": "float32",
}
TINY = {
    **SMALL,
    "objective.content_layers": {"block4_conv2": 1},
    "objective.style_layers": {"block1_conv1": 0.5, "block2_conv1": 0.5},
}
TWO_SCALES = {**TINY, "size": 32, "pyramid": {"min_size": 16, "steps": [3, 4]}}


def make_config(*overrides, styles=1):
    """Return a config of so many styles, with one set of options over the other."""
    config = StyleConfig(styles=[{}] * styles)
    for each in overrides:
        config = config.with_overrides(each)
    return config


def make_inputs(content, *styles, start=None):
    return Inputs(content, list(styles), start)


def run(config, inputs, kept=None, state=None):
    """Return each step of a run together with its picture and state."""
    from tfstyle.engine.loop import optimize

    return [
        (step, step.image(), step.state())
        for step in optimize(config, inputs, state, kept)
    ]
