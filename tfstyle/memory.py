"""How much memory a run takes, estimated before it begins."""

from tfstyle.config import VGG19_LAYERS, StyleConfig

CHANNELS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
# Fitted to the peaks of bfloat16 runs at 512 and 1024 px (1.27 and 2.3 GiB) on a CPU.
BASE_GIB = 0.93  # Python, TensorFlow and the weights
WORKSPACE = 1.36  # what a step holds at its peak, in activations of all layers


def estimate_gib(config: StyleConfig, height: int, width: int) -> float:
    """Estimate the peak memory of a run whose final image is (height, width)."""
    pixels = height * width
    activations = 4 * pixels * floats_per_pixel(config.objective.layers)
    history = 2 * config.optimizer.history if config.optimizer.name == "lbfgs" else 2
    vectors = 4 * 3 * pixels * (history + 8)
    return BASE_GIB + (WORKSPACE * activations + vectors) / 2**30


def floats_per_pixel(layers: list[str]) -> float:
    """Return the activations of VGG19 down to the deepest of `layers`, per pixel."""
    if not layers:
        return 0.0
    deepest = max(VGG19_LAYERS.index(name) for name in layers)
    total = 0.0
    for name in VGG19_LAYERS[: deepest + 1]:
        block = int(name[len("block")])
        shrunk = 4 ** (block if name.endswith("pool") else block - 1)
        total += CHANNELS[block] / shrunk
    return total
