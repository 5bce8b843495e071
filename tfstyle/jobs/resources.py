"""What a job takes, known before it begins."""

import math

from tfstyle.config import StyleConfig, with_stroke
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.plan import Sizes, make_plan
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import schedule


def needed_gib(config: StyleConfig, inputs: Inputs) -> float:
    """Return the memory that a job takes at its largest size, in GiB.

    That is its `memory.limit_gib` if it has one; else the estimate for the whole
    picture, in float32 unless the config says otherwise.
    """
    if config.memory.limit_gib is not None:
        return config.memory.limit_gib
    plain = with_stroke(config)
    precision = "float32" if config.precision == "auto" else config.precision
    most = 0.0
    for scale in schedule(plain.pyramid, plain.size):
        scaled = ScaledInputs(plain, inputs, scale)
        sizes = Sizes(
            *scaled.size,
            styles=tuple(scaled.style_sizes),
            originals=sum(each.nbytes for each in inputs.all),
        )
        now = {"objective": plain.objective.at(scale.index)}
        plan = make_plan(plain.model_copy(update=now), sizes, precision, math.inf)
        most = max(most, plan.gib)
    return most
