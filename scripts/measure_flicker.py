r"""How much a painted film flickers, for three ways to paint it.

    python scripts/make_clip.py --output runs/clip.mp4 --flow runs/flow.npz
    python scripts/measure_flicker.py --content runs/clip.mp4 --flow runs/flow.npz \
        --style examples/style/composition_vii.jpg --size 256 --output runs/flicker

paints the film as one shot with each frame alone, with frames that start from the one
before, and with the temporal term too, and prints for each its warping error (Lai et
al. 2018), the objective without that term, and the seconds of a frame after the first.
Without --flow, it is the flow found in the film.
"""

import itertools
import json
import sys
import time

import numpy as np
from absl import flags

from tfstyle.cli.command import command
from tfstyle.cli.options import config_from_flags, output_folder
from tfstyle.clips.extra import check_extra
from tfstyle.images import fit_size, load_image, load_text, resize

FLAGS = flags.FLAGS
flags.DEFINE_string("flow", None, "The film's true flow, by scripts/make_clip.py.")

WAYS = {"frames alone": 0.0, "warp only": 0.0, "warp and temporal term": None}


def main() -> int:
    """Paint, measure, and print a table."""
    check_extra()
    from tfstyle.clips.job import choices

    config, folder = config_from_flags(), output_folder("runs/flicker")
    config = config.with_overrides(choices(config))
    contents = contents_of(config)
    motions = true_motions() if FLAGS.flow else found_motions(contents)
    print("way                      error x 1000   less  objective  seconds")
    first = None
    for way, weight in WAYS.items():
        changes = {} if weight is None else {"video.temporal_weight": weight}
        frames = folder / way.replace(" ", "_")
        each = way == "frames alone"
        changed = config.with_overrides(changes)
        seconds = paint(changed, frames, len(contents), each)
        error, objective = measure(changed, frames, motions)
        first = first or error
        row = f"{1000 * error:12.3f} {first / error:6.1f} {objective:10.4f}"
        print(f"{way:24} {row} {seconds:8.2f}", flush=True)
    return 0


def contents_of(config):
    """Return the frames at the size that they are painted at."""
    from tfstyle.clips.reading import pictures

    frames = pictures(config.content.path)
    return [resize(f, *fit_size(*f.shape[:2], config.size)) for f in frames]


def true_motions():
    """Return the flow of the flag's file."""
    from tfstyle.clips.flow import Motion

    with np.load(FLAGS.flow) as file:
        trust = file["trust"][..., None].astype(np.float32)
        return [Motion(*pair) for pair in zip(file["flow"], trust, strict=True)]


def found_motions(contents):
    """Return the flow as it is found."""
    from tfstyle.clips.flow import motion

    return [motion(now, before) for before, now in itertools.pairwise(contents)]


def paint(config, folder, count, each_alone):
    """Paint what is missing; return the seconds of a frame after the first."""
    from tfstyle.clips.painting import render_shot

    ends = {}

    def on_step(number, step):
        ends[number] = time.perf_counter()

    shots = [range(t, t + 1) for t in range(count)] if each_alone else [range(count)]
    for shot in shots:
        render_shot(config, folder, shot, on_step)
    return (
        (max(ends.values()) - min(ends.values())) / max(1, len(ends) - 1) if ends else 0
    )


def measure(config, folder, motions):
    """Return the warping error, and the mean objective without the temporal term."""
    from tfstyle.clips.measures import warping_error
    from tfstyle.clips.painting import frame_path

    paths = [frame_path(folder, t) for t in range(len(motions) + 1)]
    losses = [json.loads(load_text(path)["Frame"])["losses"] for path in paths[1:]]
    weight = config.video.temporal_weight
    own = [each["total"] - weight * each.get("temporal", 0.0) for each in losses]
    return warping_error(map(load_image, paths), motions), float(np.mean(own))


if __name__ == "__main__":
    sys.exit(command(main, __doc__))
