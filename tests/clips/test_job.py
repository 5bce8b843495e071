"""tfstyle.clips.job and tfstyle.video: a film from the command line to its folder."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from absl import flags
from absl.testing import flagsaver
from clip_files import NTSC, make_film, make_tone, moving, seconds_of, sound_of
from conftest import ROOT, STYLE
from small_runs import TINY

from tfstyle import video
from tfstyle.clips import job
from tfstyle.clips.reading import about, pictures

FRAMES, CUT = 11, 5


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Two shots, with a tone."""
    folder = tmp_path_factory.mktemp("film")
    frames = moving(FRAMES, upside_down_from=CUT)
    tone = make_tone(folder / "tone.wav", FRAMES / float(NTSC))
    return make_film(folder / "film.mp4", frames, NTSC, sound=tone)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A config file of the tiny twin's runs."""
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    content: dict = {}
    for key, value in {**TINY, "video.steps": 2}.items():
        *parents, last = key.split(".")
        inner = content
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def run_video(capsys, options, film, tmp_path):
    """Run the command; return its exit code, output and error line."""

    def run(*more, style=STYLE, content=film):
        arguments = ["--config", options, "--content", content, "--style", style]
        arguments += ["--output", tmp_path / "out", *more]
        with flagsaver.flagsaver():
            code = video.main(["tfstyle-video", *map(str, arguments)])
            flags.FLAGS.unparse_flags()
            flags.FLAGS.mark_as_parsed()
        done = capsys.readouterr()
        return code, done.out, done.err

    return run


def frames_of(folder):
    return {path.name: path.read_bytes() for path in (folder / "frames").iterdir()}


@pytest.mark.usefixtures("tiny_vgg19")
class TestVideo:
    def test_writes_a_film_like_its_source(self, run_video, film, tmp_path):
        code, out, err = run_video()
        folder = tmp_path / "out"
        assert (code, out) == (0, f"{folder / 'result.mp4'}\n")
        assert f"100% {FRAMES} of {FRAMES} frames" in err
        assert about(folder / "result.mp4") == about(film)
        assert seconds_of(folder / "result.mp4") == pytest.approx(seconds_of(film))
        assert sound_of(folder / "result.mp4") == sound_of(film)
        assert len(list(pictures(folder / "result.mp4"))) == FRAMES
        record = json.loads((folder / "video.json").read_text())
        assert record["stopped"] == "finished"
        assert record["film"]["shots"] == [[0, CUT], [CUT, FRAMES]]
        assert record["film"]["frames_per_second"] == "30000/1001"
        assert sorted(path.name for path in folder.iterdir()) == [
            *("config.yaml", "frames", "result.mp4", "video.json")
        ]

    def test_again_does_nothing(self, run_video, monkeypatch, tmp_path):
        run_video()
        monkeypatch.setattr(job, "render_shot", pytest.fail)
        before = (tmp_path / "out" / "result.mp4").stat().st_mtime_ns
        assert run_video()[0] == 0
        assert run_video("--resume")[0] == 0
        assert (tmp_path / "out" / "result.mp4").stat().st_mtime_ns == before

    def test_frames_go_if_asked_to(self, run_video, tmp_path):
        assert run_video("--keep_frames=false")[0] == 0
        assert not (tmp_path / "out" / "frames").exists()
        assert run_video("--resume", "--nokeep_frames")[0] == 0

    def test_stops_after_a_signal_and_goes_on(self, run_video, monkeypatch, tmp_path):
        assert run_video()[0] == 0
        whole = frames_of(tmp_path / "out")
        calm = job.Progress.__call__

        def interrupt(self, number, step):
            calm(self, number, step)
            if (number, step.step) == (CUT + 2, 1):
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(job.Progress, "__call__", interrupt)
        code, out, err = run_video("--overwrite")
        assert (code, out) == (130, "")
        assert "interrupted; the frames so far are in" in err
        assert len(frames_of(tmp_path / "out")) == CUT + 2
        monkeypatch.setattr(job.Progress, "__call__", calm)
        code, _, err = run_video()
        assert code == 0
        assert frames_of(tmp_path / "out") == whole

    def test_a_failure_is_told_in_a_line(self, run_video, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device", "frame.png")

        monkeypatch.setattr("tfstyle.clips.painting.save_image", full)
        code, _, err = run_video()
        assert code == 1
        assert "No space left on device (frame.png); check the folder" in err


class TestRefused:
    @pytest.fixture
    def begun(self, tmp_path, run_video, monkeypatch):
        """A film that was begun, and has one frame."""
        monkeypatch.setattr(job, "choices", lambda *_: {"precision": "float32"})
        monkeypatch.setattr(job, "_all_shots", lambda *_: False)
        assert run_video()[0] == 130
        frames = tmp_path / "out" / "frames"
        frames.mkdir()
        (frames / "frame_000000.png").write_bytes(b"")
        return frames

    @pytest.mark.parametrize(
        ("key", "told"),
        [
            ("video.steps=3", "video.steps: 2 before, 3 now"),
            ("seed=7", "seed: 0 before, 7 now"),
        ],
    )
    def test_another_config(self, begun, run_video, key, told):
        code, _, err = run_video("--set", key)
        assert code == 2
        assert f"{told}; undo that, or start again with --overwrite" in err

    def test_another_style(self, begun, run_video):
        code, _, err = run_video(style=ROOT / "examples/style/wave.jpg")
        assert code == 2
        assert "pictures.styles.0" in err

    def test_another_film(self, begun, run_video, tmp_path):
        other = make_film(tmp_path / "other.mp4", moving(4))
        code, _, err = run_video(content=other)
        assert code == 2
        assert "pictures.content" in err

    def test_not_if_it_may_be_overwritten(self, begun, run_video):
        assert run_video("--set", "seed=7", "--overwrite")[0] == 130
        assert not begun.exists()

    def test_a_damaged_record(self, begun, run_video):
        (begun.parent / "video.json").write_text("{}")
        code, _, err = run_video()
        assert code == 2
        assert "video.json is damaged; start again with --overwrite" in err

    def test_a_run_of_another_kind(self, run_video, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "result.png").write_bytes(b"")
        code, _, err = run_video()
        assert code == 2
        assert "holds a run of another kind" in err

    def test_nothing_to_resume(self, run_video, tmp_path):
        code, _, err = run_video("--resume")
        assert code == 2
        assert "there is no film in" in err
        assert not (tmp_path / "out").exists()

    def test_both_ways_at_once(self, run_video):
        assert "exclude each other" in run_video("--resume", "--overwrite")[2]

    @pytest.mark.parametrize(
        ("content", "told"),
        [("nope.mp4", "No such file"), (STYLE.parent, "cannot be read")],
    )
    def test_no_film(self, run_video, content, told, tmp_path):
        code, _, err = run_video(content=content)
        assert code == 2
        assert told in err
        assert len(err.splitlines()) == 1
        assert not (tmp_path / "out").exists()

    def test_a_film_that_is_too_large(self, run_video):
        code, _, err = run_video("--set", "memory.max_megapixels=0.001")
        assert code == 2
        assert "raise that, or scale it down" in err or "megapixels" in err

    def test_a_missing_extra(self, run_video, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        code, _, err = run_video()
        assert code == 2
        assert "pip install 'tfstyle[video]'" in err


def test_help_names_its_flags(capsys):
    with flagsaver.flagsaver():
        assert video.main(["tfstyle-video", "--help"]) == 0
    text = capsys.readouterr().out
    for name in ("content", "style", "output", "[no]resume", "[no]keep_frames"):
        assert f"--{name}" in text


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_to_the_same_bytes(film, tmp_path):
    """With the real VGG19, in a process that is killed twice."""
    command = [sys.executable, "-m", "tfstyle.video", "--content", str(film)]
    command += ["--style", str(STYLE), "--size", "48", "--set", "pyramid.steps=[6]"]
    command += ["--set", "video.steps=3", "--set", "precision=float32"]

    def start(name, *more):
        folder = tmp_path / name
        process = subprocess.Popen(
            [*command, "--output", str(folder), *more],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, folder

    process, whole = start("whole")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    for count in (2, CUT + 1):
        process, parts = start("parts")
        while len(list(parts.glob("frames/frame_*.png"))) < count:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert not (parts / "result.mp4").exists()
    process, parts = start("parts")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert frames_of(parts) == frames_of(whole)
    assert (parts / "result.mp4").read_bytes() == (whole / "result.mp4").read_bytes()
    process, both = start("both", "--jobs", "2")  # a shot each
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert frames_of(both) == frames_of(whole)
