"""tfstyle.clips.painting: frames of a shot on the tiny twin of VGG19."""

import json

import numpy as np
import pytest
from clip_files import make_film, moving
from conftest import STYLE
from small_runs import TINY

from tfstyle.api import Stop
from tfstyle.clips.flow import Motion
from tfstyle.clips.measures import warping_error
from tfstyle.clips.painting import frame_path, going_on, render_shot
from tfstyle.config import StyleConfig
from tfstyle.engine.schedule import schedule
from tfstyle.images import load_image, load_text

pytestmark = pytest.mark.usefixtures("tiny_vgg19")
FRAMES = 5
SHOT = range(FRAMES)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4", moving(FRAMES))


@pytest.fixture
def config(film):
    return StyleConfig(styles=[{"path": str(STYLE)}]).with_overrides(
        {**TINY, "content.path": str(film), "video.steps": 2}
    )


def about(folder, number):
    return json.loads(load_text(frame_path(folder, number))["Frame"])


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestRenderShot:
    def test_paints_every_frame(self, config, tmp_path):
        seen = []
        render_shot(config, tmp_path, SHOT, lambda n, step: seen.append((n, step.step)))
        assert sorted(files(tmp_path)) == [f"frame_{n:06}.png" for n in SHOT]
        assert seen[:4] == [(0, 0), (0, 1), (0, 2), (0, 3)]  # the whole schedule
        assert seen[4:7] == [(1, 0), (1, 1), (1, 2)]  # video.steps
        assert [about(tmp_path, n)["frame"] for n in SHOT] == list(SHOT)

    def test_ties_all_frames_but_the_first(self, config, tmp_path):
        render_shot(config, tmp_path, SHOT)
        first, *others = [about(tmp_path, n) for n in SHOT]
        assert list(first["losses"]) == ["total", "content", "style", "variation"]
        assert first["trusted"] == 0
        for each in others:
            assert list(each["losses"])[-1] == "temporal"
            assert each["losses"]["temporal"] > 0
            assert each["trusted"] > 0.7

    def test_without_a_weight_there_is_no_term(self, config, tmp_path):
        config = config.with_overrides({"video.temporal_weight": 0})
        render_shot(config, tmp_path, range(2))
        assert "temporal" not in about(tmp_path, 1)["losses"]

    def test_the_weight_keeps_frames_alike(self, config, tmp_path):
        errors = []
        motions = [Motion(np.full((32, 48, 2), (2, 0), np.float32), inside())]
        for weight in (0, 1e4):
            folder = tmp_path / str(weight)
            changes = {"video.temporal_weight": weight, "video.steps": 8}
            render_shot(config.with_overrides(changes), folder, range(2))
            frames = [load_image(frame_path(folder, n)) for n in range(2)]
            errors.append(warping_error(frames, motions))
        assert errors[1] < 0.5 * errors[0]

    @pytest.mark.parametrize("stop_at", [0, 2, 4])
    def test_goes_on_to_the_same_bytes(self, config, tmp_path, stop_at):
        render_shot(config, tmp_path / "whole", SHOT)

        def stop(number, step):
            if (number, step.step) == (stop_at, 1):
                raise Stop

        with pytest.raises(Stop):
            render_shot(config, tmp_path / "parts", SHOT, stop)
        assert len(files(tmp_path / "parts")) == stop_at
        render_shot(config, tmp_path / "parts", SHOT)
        assert files(tmp_path / "parts") == files(tmp_path / "whole")

    def test_what_is_done_is_not_touched(self, config, tmp_path):
        render_shot(config, tmp_path, range(2))
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        render_shot(config, tmp_path, range(2), on_step=pytest.fail)
        assert before == {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}

    def test_shots_have_nothing_in_common(self, config, tmp_path):
        render_shot(config, tmp_path / "both", range(3, 5))
        render_shot(config, tmp_path / "both", range(3))
        render_shot(config, tmp_path / "one", range(3, 5))
        both = files(tmp_path / "both")
        assert files(tmp_path / "one").items() <= both.items()

    def test_by_tiles_it_is_the_same(self, config, tmp_path):
        """But for rounding, of which Adam makes steps where the gradient is about 0."""
        config = config.with_overrides({"optimizer.name": "adam"})
        for tile in ("off", 64):
            changes = {"memory.tile": tile, "size": 96}
            render_shot(config.with_overrides(changes), tmp_path / str(tile), range(2))
        one, other = (
            load_image(frame_path(tmp_path / tile, 1)) for tile in ("off", "64")
        )
        assert np.mean(np.abs(one - other) > 0.005) < 0.001

    @pytest.mark.parametrize(
        "changes",
        [
            {"color": "content_luminance"},
            {"color": "content_match"},
            {"photorealism": 1.0},
            {"init": "noise"},
            {"direction": "all"},
        ],
        ids=str,
    )
    def test_the_controls_work(self, config, tmp_path, changes):
        config = config.with_overrides({**changes, "video.temporal_weight": 1e3})
        render_shot(config, tmp_path, range(2))
        losses = about(tmp_path, 1)["losses"]
        assert 0 < losses["temporal"] < 0.01


def inside():
    trust = np.ones((32, 48, 1), np.float32)
    trust[:, -3:] = 0
    return trust


def test_going_on_takes_a_few_steps_at_each_size():
    config = StyleConfig(size=512).with_overrides({"video.steps": 7})
    scales = schedule(going_on(config).pyramid, 512)
    assert [scale.size for scale in scales] == [128, 256, 512]
    assert [scale.steps for scale in scales] == [7, 7, 7]
    assert going_on(config).objective == config.objective
