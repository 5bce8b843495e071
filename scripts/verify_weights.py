"""Compare the bundled VGG19 weights with the file that Keras downloads.

    python scripts/verify_weights.py

Needs a network, once. Exit codes: 0 they agree, 1 they differ, 2 no download.
"""

import sys

import numpy as np

from tfstyle.cli.command import command, complain
from tfstyle.system.quiet import require_tensorflow

# float16 has 11 significant bits; entries below its smallest normal number have fewer.
RELATIVE, ABSOLUTE = 2.0**-11, 2.0**-25


def main() -> int:
    """Print a line per convolution with the largest difference."""
    require_tensorflow()
    from tfstyle.vgg.pretrained import load_vgg19

    bundled = load_vgg19("bundled")
    try:
        original = load_vgg19("imagenet")
    except ValueError as error:
        complain(f"cannot compare without a network: {error}")
        return 2
    differs = False
    for ours, theirs in zip(bundled.layers, original.layers, strict=True):
        for mine, reference in zip(
            ours.get_weights(), theirs.get_weights(), strict=True
        ):
            error = np.abs(mine - reference)
            bad = int(np.sum(error > RELATIVE * np.abs(reference) + ABSOLUTE))
            differs |= bad > 0
            print(f"{ours.name} {mine.shape}: off by {error.max():.3g}, {bad} too far")
    print("the weights differ" if differs else "the bundled weights are Keras' own")
    return int(differs)


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
