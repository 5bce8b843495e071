"""scripts/make_clip.py: a film in which it is known how everything moves."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from clip_files import sound_of
from conftest import ROOT

from tfstyle.clips.flow import warp
from tfstyle.clips.reading import about, pictures, thumbnails
from tfstyle.clips.shots import find_shots


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A film of 24 frames that is cut in the middle, and its flow."""
    folder = tmp_path_factory.mktemp("made")
    film, flow = folder / "clip.mp4", folder / "flow.npz"
    command = [sys.executable, ROOT / "scripts/make_clip.py", "--output", film]
    command += ["--flow", flow, "--frames", 24, "--width", 96, "--cut", 12]
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [str(film), str(flow)]
    with np.load(flow) as file:
        return film, file["flow"], file["trust"]


def test_is_a_film_with_a_tone(made):
    film, _, _ = made
    assert about(film) == (60, 96, Fraction(24000, 1001), Fraction(1, 24000), 1)
    codec, packets = sound_of(film)
    assert codec == "aac"
    assert len(packets) > 20
    greys = [each.grey for each in thumbnails(film)]
    assert find_shots(greys) == [range(12), range(12, 24)]


def test_its_flow_is_that_of_its_frames(made):
    film, flows, trusts = made
    frames = list(pictures(film))
    assert flows.shape == (23, 60, 96, 2)
    for t in (1, 6, 11):
        trust = trusts[t - 1]
        assert 0.8 < trust.mean() < 1
        still = np.square(frames[t] - frames[t - 1])[trust].mean()
        moved = np.square(frames[t] - warp(frames[t - 1], flows[t - 1]))[trust].mean()
        assert moved < 0.25 * still
