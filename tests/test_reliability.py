"""Whatever ends a run, the work is kept, and resuming gives the same bytes.

`pytest -m long tests/test_reliability.py` kills 50 runs and starts 20 at once.
"""

import csv
import json
import os
import random
import resource
import shutil
import signal
import time

import numpy as np
import pytest
from conftest import ROOT, small
from tiny_process import TinyProcess

from tfstyle.config import StyleConfig
from tfstyle.errors import RunError
from tfstyle.images import save_image
from tfstyle.runs import job
from tfstyle.runs.checkpoint import load_checkpoint, previous
from tfstyle.runs.folder import CHECKPOINT, RECORD
from tfstyle.runs.inputs import load_inputs
from tfstyle.system.files import TEMPORARY

NO_SPACE = r"\A[^\n]*No space left on device[^\n]*\Z"
STEPS = {
    "lbfgs": {"optimizer.history": 3},
    "adam": {"optimizer.name": "adam"},
    "tiles": {"memory.tile": 64, "optimizer.history": 3},
    "half": {"optimizer.history_precision": "bfloat16", "optimizer.history": 3},
    "film": {"output.film": "webp", "optimizer.history": 3},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    save_image(folder / "photo.png", small(ROOT / "examples/content/chelsea.png", 96))
    save_image(folder / "art.png", small(ROOT / "examples/style/swirls.jpg", 96))
    return folder


def options(pictures, kind="lbfgs"):
    return {
        "content.path": str(pictures / "photo.png"),
        "styles": [{"path": str(pictures / "art.png")}],
        "size": 96,
        "pyramid": {"min_size": 48, "steps": [12, 12]},
        "objective.content_layers": {"block4_conv2": 1},
        "objective.style_layers": {"block1_conv1": 0.5, "block2_conv1": 0.5},
        "optimizer.tolerance": 0,
        "precision": "float32",
        "output.checkpoint_every": 0,
        **STEPS[kind],
    }


def start(pictures, folder, *flags, kind="lbfgs", largest=resource.RLIM_INFINITY):
    """Start a run on the tiny twin of VGG19 in a process of its own.

    Its files may have no more than `largest` bytes.
    """
    path = pictures / f"{kind}.yaml"
    if not path.exists():
        config = StyleConfig().with_overrides(options(pictures, kind))
        path.write_text(config.to_yaml())
    arguments = ["--config", path, "--output", folder, *flags]
    return TinyProcess(arguments, largest)


def log(folder):
    """Return the log without its seconds."""
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """Return the folder of a run of a kind that nothing disturbed."""
    done = {}

    def run(kind):
        if kind not in done:
            done[kind] = tmp_path_factory.mktemp(kind) / "run"
            process = start(pictures, done[kind], kind=kind)
            _, errors = process.communicate()
            assert process.returncode == 0, errors
        return done[kind]

    return run


def assert_as_whole(folder, whole):
    assert {path.name for path in folder.iterdir()} == {*os.listdir(whole)}
    assert log(folder) == log(whole)
    for name in {"result.png", "film.webp"} & {*os.listdir(whole)}:
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def kill_and_resume(pictures, folder, seconds, kind):
    """Kill a run so long after its first file is there; resume till it is finished.

    Returns:
        Whether it was killed before it had ended.
    """
    process = start(pictures, folder, kind=kind)
    while not (folder / "log.csv").exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    # Before its first checkpoint there is nothing to resume.
    begun = any((folder / name).exists() for name in (CHECKPOINT, RECORD))
    resumable = begun or previous(folder / CHECKPOINT).exists()
    again = start(
        pictures, folder, "--resume" if resumable else "--overwrite", kind=kind
    )
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    return process.returncode == -9


def kill_many(pictures, whole, tmp_path, count, seed):
    moments, killed = random.Random(seed), 0
    for i in range(count):
        kind = list(STEPS)[i % len(STEPS)]
        folder = tmp_path / str(i)
        seconds = moments.uniform(0, 1.5)
        killed += kill_and_resume(pictures, folder, seconds, kind)
        assert_as_whole(folder, whole(kind))
        shutil.rmtree(folder)
    return killed


def start_many(pictures, folder, count):
    """Return the exit codes and errors of so many runs at once in one folder."""
    processes = [start(pictures, folder) for _ in range(count)]
    ended = [(each.communicate()[1], each.returncode) for each in processes]
    return sorted((code, errors) for errors, code in ended)


class TestKilled:
    def test_at_some_moments(self, pictures, whole, tmp_path):
        assert kill_many(pictures, whole, tmp_path, 5, seed=0) >= 2

    @pytest.mark.long
    def test_at_fifty_moments(self, pictures, whole, tmp_path):
        killed = kill_many(pictures, whole, tmp_path, 50, seed=1)
        print(f"{killed} of 50 were killed before they had ended")
        assert killed >= 25

    def test_amid_the_last_checkpoint(self, pictures, whole, tmp_path):
        folder = tmp_path / "run"
        process = start(pictures, folder)
        while not previous(folder / CHECKPOINT).exists():
            time.sleep(0.005)
        process.kill()
        process.communicate()
        damaged = folder / CHECKPOINT
        start_of_it = damaged.read_bytes()[:1000]
        damaged.unlink()  # it may be linked to the one before
        damaged.write_bytes(start_of_it)
        again = start(pictures, folder, "--resume")
        _, errors = again.communicate()
        assert again.returncode == 0, errors
        assert "resuming from the one before" in errors
        assert_as_whole(folder, whole("lbfgs"))


class TestInterrupted:
    @pytest.mark.parametrize("kind", STEPS)
    def test_goes_on_to_the_same_bytes(self, pictures, whole, tmp_path, kind):
        folder = tmp_path / "run"
        process = start(pictures, folder, kind=kind)
        while not (folder / CHECKPOINT).exists():
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        if process.returncode != 0:  # else it was at its end already
            assert process.returncode == 130, errors
            assert "--resume goes on" in errors.splitlines()[-1]
            assert json.loads((folder / RECORD).read_text())["steps"] < 24
        again = start(pictures, folder, "--resume", kind=kind)
        _, errors = again.communicate(timeout=120)
        assert again.returncode == 0, errors
        assert_as_whole(folder, whole(kind))

    def test_between_tiles_the_step_is_given_up(self, config, tmp_path):
        config = config.with_overrides({"memory.tile": 64})
        folder, inputs = tmp_path / "run", load_inputs(config)
        tiles = []

        def observe(step):
            """Watch the tiles too."""

        def tile(done, count):
            tiles.append(done)
            if len(tiles) == 3:
                os.kill(os.getpid(), signal.SIGTERM)

        observe.tile = tile
        config = config.with_overrides({"pyramid.min_size": None})
        stopped = job.run_job(config, inputs, folder, observers=[observe])
        assert stopped == "interrupted"
        assert len(tiles) == 3
        record = json.loads((folder / RECORD).read_text())
        assert (record["steps"], record["stopped"]) == (0, "interrupted")


class TestAtOnce:
    def test_three(self, pictures, whole, tmp_path):
        self.check(start_many(pictures, tmp_path / "run", 3))
        assert_as_whole(tmp_path / "run", whole("lbfgs"))

    @pytest.mark.long
    def test_twenty(self, pictures, whole, tmp_path):
        self.check(start_many(pictures, tmp_path / "run", 20))
        assert_as_whole(tmp_path / "run", whole("lbfgs"))

    def check(self, ended):
        """Only one went through; the others said so in one line."""
        (first, errors), *others = ended
        assert first == 0, errors
        for code, errors in others:
            assert code == 2, errors
            complaint = errors.strip().splitlines()[-1]
            assert "in use by another run" in complaint or "earlier run" in complaint


@pytest.fixture
def config(pictures, tiny_vgg19):
    return StyleConfig().with_overrides(options(pictures))


class TestFaults:
    """Writing fails at some point; what was there stays whole."""

    @pytest.mark.parametrize("call", ["fsync", "replace"])
    @pytest.mark.parametrize("number", [0, 1, 2, 3, 7, 20])
    def test_a_call_fails(
        self, config, pictures, whole, tmp_path, monkeypatch, call, number
    ):
        folder, inputs = tmp_path / "run", load_inputs(config)
        calls, real = [], getattr(os, call)

        def fail(*arguments, **keywords):
            calls.append(arguments)
            if len(calls) == number + 1:
                raise OSError(28, "No space left on device")
            return real(*arguments, **keywords)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises((RunError, ValueError), match=NO_SPACE):
                job.run_job(config, inputs, folder)
        assert len(calls) > number
        assert not list(folder.glob(f"{TEMPORARY}*"))
        path, resume = folder / CHECKPOINT, None
        if path.exists() or previous(path).exists():
            resume = load_checkpoint(path, config, inputs.checksums)
        job.run_job(config, inputs, folder, resume)
        assert_as_whole(folder, whole("lbfgs"))

    @pytest.mark.parametrize("largest", [100, 900, 5000, 90_000, 150_000])
    def test_writing_fails(self, pictures, whole, tmp_path, largest):
        """From some byte on, as on a full disk."""
        folder = tmp_path / "run"
        process = start(pictures, folder, largest=largest)
        _, errors = process.communicate()
        assert process.returncode in (1, 2), errors
        said = errors.splitlines()[-1]
        assert said.startswith("tfstyle: error: ")
        assert "File too large" in said
        assert str(folder) in said
        assert not list(folder.glob(f"{TEMPORARY}*"))
        checkpoint = folder / CHECKPOINT
        resumable = checkpoint.exists() or previous(checkpoint).exists()
        again = start(pictures, folder, "--resume" if resumable else "--overwrite")
        _, errors = again.communicate()
        assert again.returncode == 0, errors
        assert_as_whole(folder, whole("lbfgs"))

    def test_an_earlier_result_outlives_a_failing_run(
        self, config, tmp_path, monkeypatch
    ):
        folder, inputs = tmp_path / "run", load_inputs(config)
        job.run_job(config, inputs, folder)
        before = (folder / "result.png").read_bytes()

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises((RunError, ValueError), match="No space left"):
            job.run_job(config, inputs, folder)
        assert (folder / "result.png").read_bytes() == before

    def test_the_folder_vanishes(self, config, tmp_path):
        folder, inputs = tmp_path / "run", load_inputs(config)
        config = config.with_overrides({"output.checkpoint_every": 1e9})

        def remove(step):
            if step.step == 3:
                shutil.rmtree(folder)

        with pytest.raises(RunError, match="No such file"):
            job.run_job(config, inputs, folder, observers=[remove])  # its log is gone
        assert (folder / "result.png").is_file()


class TestResume:
    def test_of_a_finished_run_gives_its_picture(self, pictures, whole):
        folder = whole("lbfgs")
        before = (folder / "result.png").read_bytes()
        process = start(pictures, folder, "--resume")
        printed, errors = process.communicate()
        assert process.returncode == 0, errors
        assert printed.strip() == str(folder / "result.png")
        assert (folder / "result.png").read_bytes() == before

    def test_pictures_may_have_moved(self, config, pictures, tmp_path):
        folder, inputs = tmp_path / "run", load_inputs(config)
        path = tmp_path / "moved.png"
        shutil.copy(pictures / "photo.png", path)

        def stop(step):
            if step.step == 5:
                raise MemoryError

        with pytest.raises(RunError):
            job.run_job(config, inputs, folder, observers=[stop])
        moved = config.with_overrides({"content.path": str(path)})
        checkpoint = folder / CHECKPOINT
        found = load_checkpoint(checkpoint, moved, load_inputs(moved).checksums)
        assert found.step == 5
        other = np.asarray(inputs.content)[::-1]
        marks = type(inputs)(other, inputs.styles).checksums
        with pytest.raises(ValueError, match=r"pictures\.content"):
            load_checkpoint(checkpoint, config, marks)


def test_the_record_of_a_killed_run_is_of_the_whole(pictures, whole, tmp_path):
    record = json.loads((whole("lbfgs") / "run.json").read_text())
    assert record["stopped"] == "finished"
    assert [scale["steps"] for scale in record["scales"]] == [12, 12]
