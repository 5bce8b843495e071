"""tfstyle.runs.frames: pictures kept while a run goes on, and the film of them."""

import numpy as np
import pytest
from PIL import Image
from steps import STEPS, make_step, watch

from tfstyle.images import load_image
from tfstyle.runs.frames import (
    Frames,
    for_film,
    frame_files,
    remove_frames,
    write_film,
)


def everything(step):
    return True


@pytest.fixture
def folder(tmp_path):
    """The folder of the frames of ten steps."""
    watch(Frames(tmp_path / "frames", everything), range(STEPS + 1))
    return tmp_path / "frames"


class TestFrames:
    def test_are_kept_by_step(self, folder):
        files = frame_files(folder)
        assert list(files) == list(range(STEPS + 1))
        np.testing.assert_allclose(load_image(files[4]), 0.4, atol=0.02)

    def test_only_wanted_ones_are_fetched(self, tmp_path):
        observe = Frames(tmp_path / "frames", lambda step: False)
        observe(make_step(3, image=lambda: pytest.fail("not wanted")))
        assert list(tmp_path.iterdir()) == []

    def test_of_steps_that_a_resumed_run_takes_again_are_dropped(self, folder):
        other = np.ones((4, 6, 3), np.float32)
        resumed = Frames(folder, lambda step: step.step == 4)
        watch(resumed, [3, 4], image=lambda: other)
        files = frame_files(folder)
        assert list(files) == [0, 1, 2, 4]
        np.testing.assert_allclose(load_image(files[4]), 1, atol=0.02)

    def test_are_reduced(self, tmp_path):
        frames = Frames(tmp_path / "frames", everything, long_side=32)
        watch(frames, [0], image=lambda: np.zeros((43, 64, 3), np.float32))
        (path,) = frame_files(tmp_path / "frames").values()
        assert load_image(path).shape == (22, 32, 3)

    def test_are_removed_but_nothing_else_is(self, folder):
        (folder / "frame_of_mine.jpg").touch()
        remove_frames(folder)
        assert [path.name for path in folder.iterdir()] == ["frame_of_mine.jpg"]
        (folder / "frame_of_mine.jpg").unlink()
        remove_frames(folder)
        assert not folder.exists()
        remove_frames(folder)  # there is nothing to do


class TestFilm:
    @pytest.mark.parametrize(("steps", "every"), [(7, 1), (150, 2), (1000, 10)])
    def test_has_about_a_hundred_steps_and_the_last(self, steps, every):
        wanted = for_film(steps)
        numbers = range(steps + 1)
        found = [n for n in numbers if wanted(make_step(n, last=n == steps))]
        assert found == sorted({*range(0, steps + 1, every), steps})
        assert wanted(make_step(every + 1 if every > 1 else 3, last=True))

    def test_has_all_frames_at_the_size_of_the_last(self, tmp_path):
        frames = Frames(tmp_path / "frames", everything)
        frames(make_step(0, height=22, width=32, image=lambda: np.zeros((22, 32, 3))))
        frames(make_step(1, image=lambda: np.ones((43, 64, 3))))
        write_film(tmp_path / "film.gif", tmp_path / "frames")
        with Image.open(tmp_path / "film.gif") as film:
            assert (film.n_frames, film.size) == (2, (64, 43))
