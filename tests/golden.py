"""Numbers that a run must reproduce, kept in golden.json with where they come from.

    python tests/golden.py

measures them again and rewrites golden.json. Do that only if a change was meant to
change them, and look at the difference before it is committed.
"""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")
ROOT = Path(__file__).parent.parent
LAYERS = ("block1_conv1", "block3_conv1", "block5_conv1")


def stored():
    """Return what golden.json holds."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def smoke_losses():
    """Return total, content, style and variation at steps 0..3 of configs/smoke.yaml.

    In float32, whatever the machine is best at.
    """
    from tfstyle.api import transfer
    from tfstyle.config import load_config
    from tfstyle.runs.inputs import load_inputs

    config = load_config(ROOT / "configs/smoke.yaml")
    config = config.with_overrides({"precision": "float32"})
    return [rounded(step.losses) for step in transfer(config, load_inputs(config))]


def mean_features(network):
    """Return the mean of some layers of `network`, VGG19 with average pooling.

    Over the cat of examples/content at 64 pixels.
    """
    from tfstyle.images import fit_size, load_image, resize

    picture = load_image(ROOT / "examples/content/chelsea.png")
    picture = resize(picture, *fit_size(*picture.shape[:2], 64))
    features = network(picture[None])
    return rounded({name: features[name].numpy().mean() for name in LAYERS})


def rounded(numbers):
    """Keep the digits of float32 that mean something."""
    return {name: float(f"{number:.7g}") for name, number in numbers.items()}


def main():
    from tfstyle.system.quiet import quiet_import

    with quiet_import():
        from tfstyle.vgg.extractor import vgg19
    packages = ("tensorflow", "keras", "numpy", "pillow")
    numbers = {
        "renewed_by": "python tests/golden.py",
        "measured_with": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
            "machine": f"{platform.system()} {platform.machine()}",
        },
        "smoke_losses": smoke_losses(),
        "mean_features": mean_features(vgg19(LAYERS)),
    }
    FILE.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    print(FILE)


if __name__ == "__main__":
    sys.exit(main())
