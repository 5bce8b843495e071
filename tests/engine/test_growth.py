"""Many runs in one process take no more memory than a few."""

import subprocess
import sys

import pytest
from conftest import ROOT

RUNS, FIRST, MEBIBYTES = 30, 3, 60

PROGRAM = """
import sys
import psutil
from conftest import CONTENT, STYLE, small
from tfstyle import stylize
from tfstyle.vgg.layers import VGG19_LAYERS

photo, painting = small(CONTENT, 96), small(STYLE, 96)
for number in range(int(sys.argv[2])):
    objective = {}
    if sys.argv[1] == "layers":  # as a study's cells: other layers in each
        layer, other = VGG19_LAYERS[number % 12], VGG19_LAYERS[number % 7]
        objective = {"content_layers": {layer: 1}, "style_layers": {other: 1}}
    options = {"size": 96, "pyramid": {"steps": [3]}, "objective": objective}
    stylize(photo, painting, **options, precision="float32")
    print(psutil.Process().memory_info().rss // 2**20)
"""


@pytest.mark.long
@pytest.mark.parametrize("kind", ["same", "layers"])
def test_of_many_runs(kind):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, str(RUNS)],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        check=True,
    )
    held = [int(line) for line in done.stdout.split()]
    assert len(held) == RUNS
    assert max(held[FIRST:]) - held[FIRST - 1] < MEBIBYTES, held
