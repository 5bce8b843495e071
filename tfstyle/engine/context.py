"""What a run computes with: its options and pictures, a precision and some memory."""

import dataclasses
import functools
import math
import warnings
from dataclasses import dataclass

from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import Inputs, size_at
from tfstyle.engine.plan import SLOWER, Plan, Sizes, make_plan
from tfstyle.engine.schedule import Scale, schedule
from tfstyle.runs.checkpoint import Checkpoint
from tfstyle.system import devices as device
from tfstyle.system.replicas import all_replicas


@dataclass(frozen=True)
class Setting:
    """What holds for the whole run, or until it goes on in float32."""

    config: StyleConfig
    inputs: Inputs
    precision: str  # that the network computes in
    limit_gib: float = math.inf  # of memory that the run may take

    @property
    def scales(self) -> list[Scale]:
        """The sizes that the run passes through."""
        return schedule(self.config.pyramid, self.config.size)

    def plan(self, scale: Scale) -> Plan:
        """Choose how a size is computed within the memory; see `tfstyle.engine.plan`.

        Raises:
            ValueError: if it does not fit.
        """
        config, inputs = self.config, self.inputs
        styles = zip(config.styles, inputs.styles, strict=True)
        pictures = [inputs.content, *inputs.styles, inputs.start]
        sizes = Sizes(
            *size_at(scale, inputs.content),
            styles=tuple(
                size_at(scale, each, options.scale) for options, each in styles
            ),
            originals=sum(each.nbytes for each in pictures if each is not None),
        )
        replicas = all_replicas().count
        return make_plan(config, sizes, self.precision, self.limit_gib, replicas)

    @functools.cached_property
    def work(self) -> list[float]:
        """The time that each size takes, in that of a step on one pixel."""
        tiled = SLOWER / all_replicas().count
        return [
            (tiled if self.plan(scale).tile else 1.0) * scale.steps * scale.size**2
            for scale in self.scales
        ]

    def check_memory(self) -> None:
        """Warn if the last size fits only with another optimizer or shorter history.

        Raises:
            ValueError: if it, or one on the way, does not fit at all.
        """
        *others, last = self.scales
        plan = self.plan(last)  # first: this is the size that was asked for
        for scale in others:
            self.plan(scale)
        asked, found = self.config.optimizer, plan.optimizer
        if (found.name, found.history) != (asked.name, asked.history):
            warnings.warn(
                f"{self.limit_gib:.1f} GiB of memory leave room only for {plan}; "
                "for what the config asks, raise memory.limit_gib or lower the size",
                RuntimeWarning,
                stacklevel=2,
            )

    def may_retry(self, scale: Scale, plan: Plan) -> bool:
        """Return whether a size that converged may go on in float32, by its plan."""
        if self.config.precision != "auto" or self.precision == "float32" or plan.tile:
            return False
        try:
            again = self.in_float32().plan(scale)
        except ValueError:
            return False
        return (again.tile, again.optimizer) == (None, plan.optimizer)

    def in_float32(self) -> "Setting":
        """Return the same with a network that computes in float32."""
        return dataclasses.replace(self, precision="float32")


def choose_setting(
    config: StyleConfig, inputs: Inputs, resume: Checkpoint | None = None
) -> Setting:
    """Prepare TensorFlow's devices and choose what they do best, or did before.

    Raises:
        ValueError: if the devices cannot be used.
    """
    device.prepare()
    all_replicas()  # before anything else is computed
    if resume:
        return Setting(config, inputs, resume.precision, resume.limit_gib)
    return Setting(config, inputs, choose_precision(config), choose_limit(config))


def choose_precision(config: StyleConfig) -> str:
    """Return the precision to compute in: for "auto", the fastest good one here."""
    if config.precision != "auto":
        return config.precision
    fastest = device.fastest_precision()
    # Processes that share a run must agree.
    return fastest if all_replicas().least(fastest != "float32") else "float32"


def choose_limit(config: StyleConfig) -> float:
    """Return how much memory the run may take, in GiB."""
    return all_replicas().least(device.memory_limit_gib(config.memory.limit_gib))
