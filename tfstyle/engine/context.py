"""What a run computes with: its options and pictures, a precision and some memory."""

import dataclasses
import functools
import math
import warnings
from dataclasses import dataclass

from tfstyle.config import StyleConfig, with_stroke
from tfstyle.engine.coloring import Coloring, choose_coloring
from tfstyle.engine.inputs import Inputs
from tfstyle.engine.plan import SLOWER, Plan, Sizes, make_plan
from tfstyle.engine.scaled import ScaledInputs
from tfstyle.engine.schedule import Scale, schedule
from tfstyle.engine.state import State
from tfstyle.system.memory import memory_limit_gib
from tfstyle.system.precision import fastest_precision
from tfstyle.system.replicas import all_replicas


@dataclass(frozen=True)
class Context:
    """What holds for the whole run, or until it goes on in float32."""

    config: StyleConfig
    inputs: Inputs
    precision: str  # that the network computes in
    limit_gib: float = math.inf  # of memory that the run may take

    @property
    def scales(self) -> list[Scale]:
        """The sizes that the run passes through."""
        return schedule(self.config.pyramid, self.config.size)

    def scaled(self, scale: Scale) -> ScaledInputs:
        """Return the pictures of a size."""
        return ScaledInputs(self.config, self.inputs, scale, self.coloring)

    @functools.cached_property
    def coloring(self) -> Coloring:
        """What colors the pictures are given."""
        return choose_coloring(self.config, self.inputs)

    def plan(self, scale: Scale) -> Plan:
        """Choose how a size is computed within the memory; see `tfstyle.engine.plan`.

        Raises:
            ValueError: if it does not fit.
        """
        scaled = self.scaled(scale)
        sizes = Sizes(
            *scaled.size,
            styles=tuple(scaled.style_sizes),
            originals=sum(each.nbytes for each in self.inputs.all),
        )
        replicas = all_replicas().count
        now = {"objective": self.config.objective.at(scale.index)}
        config = self.config.model_copy(update=now)
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

    def in_float32(self) -> "Context":
        """Return the same with a network that computes in float32."""
        return dataclasses.replace(self, precision="float32")


def choose_context(
    config: StyleConfig, inputs: Inputs, state: State | None = None
) -> Context:
    """Choose what TensorFlow's devices do best, or did when a run reached a state.

    Raises:
        ValueError: if the devices cannot be used.
    """
    all_replicas()  # before anything else is computed
    config = with_stroke(config)
    if state:
        return Context(config, inputs, state.precision, state.limit_gib)
    return Context(config, inputs, choose_precision(config), choose_limit(config))


def choose_precision(config: StyleConfig) -> str:
    """Return the precision to compute in: for "auto", the fastest good one here."""
    if config.precision != "auto":
        return config.precision
    fastest = fastest_precision()
    # Processes that work on one run must agree.
    return fastest if all_replicas().least(fastest != "float32") else "float32"


def choose_limit(config: StyleConfig) -> float:
    """Return how much memory the run may take, in GiB."""
    return all_replicas().least(memory_limit_gib(config.memory.limit_gib))
