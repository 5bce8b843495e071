"""tfstyle.job: the run directory, whatever ends the run."""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from subprocess import PIPE

import numpy as np
import pytest

from tfstyle import StyleConfig, job, optimizers
from tfstyle.checkpoint import load_checkpoint
from tfstyle.config import load_config
from tfstyle.images import load_image, load_text
from tfstyle.inputs import Inputs

ONE_LINE = r"\A[^\n]+\Z"
COLUMNS = "step,scale,height,width,seconds,total,content,style,variation"
FINISHED = {"result.png", "config.yaml", "log.csv", "run.json"}
RESUMABLE = FINISHED | {"checkpoint.npz", "checkpoint.previous.npz"}
STEPS = 4
TWO_SCALES = {"size": 32, "pyramid": {"min_size": 16, "steps": [2, 3]}}
CONFIG = StyleConfig().with_overrides(
    {
        "content.path": "photo.png",
        "styles": [{"path": "painting.png", "weight": 2}],
        "size": 24,
        "pyramid": {"min_size": None, "steps": [STEPS]},
        "objective.content_layers": {"block4_conv2": 1},
        "objective.style_layers": {"block1_conv1": 0.5, "block2_conv1": 0.5},
        "optimizer.history": 3,
        "precision": "float32",
        "output.checkpoint_every": 1e9,
    }
)


@pytest.fixture
def config(tiny_vgg19):
    """A run of 4 steps on the tiny twin of VGG19."""
    return CONFIG


@pytest.fixture(scope="module")
def whole(tiny_network, photo, painting, tmp_path_factory):
    """The run directory of that run when nothing comes in between."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfstyle.transfer.vgg19", lambda *_: tiny_network)
        job.run_job(CONFIG, Inputs(photo, [painting]), folder)
    return folder


@pytest.fixture
def inputs(photo, painting):
    return Inputs(photo, [painting])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def events(monkeypatch):
    """What happens as soon as a step is observed: {step: function of it}."""
    events = {}

    def observe(step):
        if step.step in events:
            events[step.step](step)

    observers = job._observers
    monkeypatch.setattr(
        job, "_observers", lambda *arguments: [*observers(*arguments), observe]
    )
    return events


def files(folder):
    return {path.name for path in folder.iterdir()}


def record(folder):
    return json.loads((folder / "run.json").read_text("utf-8"))


def logged(folder):
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) == COLUMNS
    return rows


def steps_logged(folder):
    return [int(row[0]) for row in logged(folder)]


def resume(config, inputs, folder):
    checkpoint = load_checkpoint(folder / "checkpoint.npz", config)
    return job.run_job(config, inputs, folder, checkpoint)


def without_seconds(folder):
    return [row[:4] + row[5:] for row in logged(folder)]


def send(number):
    return lambda _: os.kill(os.getpid(), number)


def fail(error):
    def raise_error(_):
        raise error

    return raise_error


class TestRunDirectory:
    def test_has_these_files(self, whole):
        assert files(whole) == FINISHED

    def test_result_is_the_picture_of_the_last_step(
        self, config, inputs, folder, events
    ):
        last = []
        events[STEPS] = lambda step: last.append(step.image())
        job.run_job(config, inputs, folder)
        result = load_image(folder / "result.png")
        assert result.shape == (16, 24, 3)
        np.testing.assert_allclose(result, last[0], atol=0.5001 / 255)

    def test_result_carries_its_config(self, whole, tmp_path):
        text = load_text(whole / "result.png")
        assert text["Software"].startswith("tfstyle ")
        assert text["Config"] == (whole / "config.yaml").read_text("utf-8")
        (tmp_path / "again.yaml").write_text(text["Config"], "utf-8")
        assert load_config(tmp_path / "again.yaml") == CONFIG

    def test_log_has_a_row_per_step(self, config, inputs, folder):
        job.run_job(config.with_overrides(TWO_SCALES), inputs, folder)
        assert [row[:4] for row in logged(folder)] == [
            *([step, "0", "11", "16"] for step in "012"),
            *([step, "1", "22", "32"] for step in "345"),
        ]

    def test_log_ends_with_the_losses_of_the_result(self, whole):
        last = [float(value) for value in logged(whole)[-1][5:]]
        np.testing.assert_allclose(last, list(record(whole)["losses"].values()))

    def test_record(self, whole):
        found = record(whole)
        assert found["stopped"] == "finished"
        assert found["steps"] == STEPS
        assert found["size"] == [24, 16]
        assert list(found["losses"]) == ["total", "content", "style", "variation"]
        assert 0 < found["seconds"]["optimising"] <= found["seconds"]["in all"]
        assert found["device"]
        assert found["precision"] == "float32"
        assert found["seed"] == 0
        assert found["weights"] == "bundled"
        assert len(found["weights_sha256"]) == 64
        versions = {"tfstyle", "python", "tensorflow", "keras", "numpy"}
        assert found["versions"].keys() == versions
        assert found["machine"]
        assert found["finished_at"]

    def test_snapshots(self, config, inputs, folder):
        config = config.with_overrides({"output.snapshot_every": 2})
        job.run_job(config, inputs, folder)
        assert files(folder) == FINISHED | {"snapshots"}
        assert files(folder / "snapshots") == {
            "step_000000.png",
            "step_000002.png",
            "step_000004.png",
        }

    def test_a_checkpoint_is_there_while_it_runs(self, config, inputs, folder, events):
        config = config.with_overrides({"output.checkpoint_every": 0})
        found = []
        events[3] = lambda _: found.append((folder / "checkpoint.npz").exists())
        job.run_job(config, inputs, folder)
        assert found == [True]
        assert files(folder) == FINISHED

    def test_a_run_that_cannot_improve_says_so(self, config, inputs, folder):
        config = config.with_overrides(
            {"objective.style_weight": 0, "objective.tv_weight": 0}
        )
        with pytest.warns(RuntimeWarning, match="picture does not change"):
            assert job.run_job(config, inputs, folder) == "converged"
        assert record(folder)["stopped"] == "converged"
        (scale,) = record(folder)["scales"]
        assert scale["ended"] == "converged"
        assert files(folder) == FINISHED

    def test_the_record_tells_why_each_scale_ended(self, config, inputs, folder):
        config = config.with_overrides(
            {
                **{"size": 32, "pyramid": {"min_size": 16, "steps": [25, 3]}},
                "optimizer.tolerance": 0.9,
            }
        )
        assert job.run_job(config, inputs, folder) == "finished"
        first, last = record(folder)["scales"]
        with (folder / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert first["ended"] == "converged"
        assert first["steps"] in (10, 20)
        assert last["ended"] == "steps"
        assert last["steps"] == 3
        assert last["total"] == float(rows[-1]["total"])
        assert last["size"] == [32, 22]
        seconds = first["seconds"] + last["seconds"]
        assert seconds == pytest.approx(float(rows[-1]["seconds"]), abs=0.011)

    def test_the_record_of_an_interrupted_run_says_at_which_scale(
        self, config, inputs, folder, events
    ):
        config = config.with_overrides(TWO_SCALES)
        events[3] = send(signal.SIGINT)
        job.run_job(config, inputs, folder)
        ended = [each["ended"] for each in record(folder)["scales"]]
        assert ended == ["steps", "interrupted"]


class TestInterrupted:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_keeps_the_work(self, config, inputs, folder, events, number):
        events[3] = send(number)
        assert job.run_job(config, inputs, folder) == "interrupted"
        assert files(folder) == RESUMABLE
        assert record(folder)["stopped"] == "interrupted"
        assert record(folder)["steps"] == 3
        assert steps_logged(folder) == [0, 1, 2, 3]
        assert load_checkpoint(folder / "checkpoint.npz", config).step == 3

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_goes_on_to_the_same_bytes(
        self, config, inputs, folder, tmp_path, events, optimizer
    ):
        config = config.with_overrides({**TWO_SCALES, "optimizer.name": optimizer})
        whole = tmp_path / "whole"
        job.run_job(config, inputs, whole)
        events[0] = events[2] = events[4] = send(signal.SIGINT)
        assert job.run_job(config, inputs, folder) == "interrupted"
        for cut in (0, 2, 4):
            del events[cut]
            expected = "finished" if cut == 4 else "interrupted"
            assert resume(config, inputs, folder) == expected
        assert files(folder) == FINISHED
        result = (folder / "result.png").read_bytes()
        assert result == (whole / "result.png").read_bytes()
        assert without_seconds(folder) == without_seconds(whole)

    def test_killed_it_goes_on_from_the_last_checkpoint(
        self, config, inputs, folder, events, whole
    ):
        # What a killed run leaves: a log that is ahead of the checkpoint, half a row
        # at its end, and no result.
        events[2] = send(signal.SIGINT)
        job.run_job(config, inputs, folder)
        (folder / "result.png").unlink()
        rows = (whole / "log.csv").read_text("utf-8").splitlines(keepends=True)
        (folder / "log.csv").write_text("".join(rows[:4]) + "3,0,1", "utf-8")
        events.clear()
        assert resume(config, inputs, folder) == "finished"
        assert steps_logged(folder) == [0, 1, 2, 3, 4]
        result = (folder / "result.png").read_bytes()
        assert result == (whole / "result.png").read_bytes()

    def test_at_the_last_step_it_is_finished(self, config, inputs, folder, events):
        events[STEPS] = send(signal.SIGINT)
        assert job.run_job(config, inputs, folder) == "finished"
        assert files(folder) == FINISHED

    def test_signals_are_as_before(self, config, inputs, folder, events):
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        events[1] = send(signal.SIGINT)
        job.run_job(config, inputs, folder)
        after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        assert after == before

    @pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
    def test_amid_a_step_it_goes_on_to_the_same_bytes(
        self, config, inputs, folder, tmp_path, monkeypatch, optimizer
    ):
        """As by a second Ctrl-C, which does not wait for the step to end."""
        config = config.with_overrides({"optimizer.name": optimizer})
        whole = tmp_path / "whole"
        job.run_job(config, inputs, whole)

        def step_and_interrupt(self):
            step(self)
            if self.evaluations == 3:
                raise KeyboardInterrupt

        kind = {"lbfgs": optimizers.LBFGS, "adam": optimizers.Adam}[optimizer]
        step = kind.step
        with monkeypatch.context() as patch:
            patch.setattr(kind, "step", step_and_interrupt)
            with pytest.raises(KeyboardInterrupt):
                job.run_job(config, inputs, folder)
        assert resume(config, inputs, folder) == "finished"
        result = (folder / "result.png").read_bytes()
        assert result == (whole / "result.png").read_bytes()
        assert without_seconds(folder) == without_seconds(whole)


class TestFailed:
    @pytest.mark.parametrize(
        ("error", "what"),
        [
            (RuntimeError("boom"), "RuntimeError: boom"),
            (MemoryError(), "the memory is full; lower"),
            (OSError(28, "No space left"), "No space left"),
        ],
    )
    def test_keeps_the_work(self, config, inputs, folder, events, error, what):
        events[3] = fail(error)
        with pytest.raises(job.RunError, match=what):
            job.run_job(config, inputs, folder)
        assert files(folder) == RESUMABLE
        assert record(folder)["stopped"] == "failed"
        assert record(folder)["steps"] == 3

    @pytest.mark.parametrize("step", [1, STEPS])
    def test_can_be_resumed(self, config, inputs, folder, events, whole, step):
        events[step] = fail(RuntimeError("boom"))
        with pytest.raises(RuntimeError, match="boom"):
            job.run_job(config, inputs, folder)
        events.clear()
        assert resume(config, inputs, folder) == "finished"
        assert files(folder) == FINISHED
        result = (folder / "result.png").read_bytes()
        assert result == (whole / "result.png").read_bytes()
        assert without_seconds(folder) == without_seconds(whole)

    def test_before_its_first_step_it_leaves_no_trace(
        self, config, inputs, folder, monkeypatch
    ):
        from tfstyle import transfer

        monkeypatch.setattr(
            transfer, "make_network", lambda *_: fail(ValueError("no weights"))(None)
        )
        with pytest.raises(ValueError, match="no weights"):
            job.run_job(config, inputs, folder)
        assert not folder.exists()

    def test_before_its_first_step_it_spares_an_earlier_run(
        self, config, inputs, folder, events, monkeypatch
    ):
        from tfstyle import transfer

        events[3] = send(signal.SIGINT)
        job.run_job(config, inputs, folder)
        monkeypatch.setattr(
            transfer, "make_network", lambda *_: fail(ValueError("no weights"))(None)
        )
        with pytest.raises(ValueError, match="no weights"):
            job.run_job(config, inputs, folder)
        assert files(folder) == RESUMABLE
        assert steps_logged(folder) == [0, 1, 2, 3]


BUSY = """
import hashlib
from tfstyle import job
with job.stop_signals() as asked:
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)
    print("asked", asked(), flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000_000)
"""


class TestStopSignals:
    def test_the_first_asks_and_the_second_exits_at_once(self):
        """Even amid a call that no Python handler can interrupt."""
        command = [sys.executable, "-c", BUSY]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as busy:
            assert busy.stdout.readline() == "ready\n"
            busy.send_signal(signal.SIGINT)
            assert busy.stdout.readline() == "asked True\n"
            busy.send_signal(signal.SIGTERM)
            assert busy.wait(30) == 130
            assert "stopped at once" in busy.stderr.read()

    def test_two_amid_one_call(self):
        command = [sys.executable, "-c", BUSY.replace("2_000", "200_000")]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as busy:
            assert busy.stdout.readline() == "ready\n"
            for _ in range(2):
                busy.send_signal(signal.SIGINT)
                time.sleep(0.3)
            assert busy.wait(30) == 130
            assert busy.stdout.read() == ""

    def test_are_left_alone_in_a_thread(self):
        answers = []

        def ask():
            with job.stop_signals() as asked:
                answers.append(asked())

        before = signal.getsignal(signal.SIGINT)
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        assert answers == [False]
        assert signal.getsignal(signal.SIGINT) is before


class TestCheckFolder:
    def complaint(self, folder, **options):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            job.check_folder(folder, **options)
        return str(error.value)

    @pytest.mark.parametrize("name", [".", "new", "new/and/newer"])
    def test_makes_nothing(self, tmp_path, name):
        job.check_folder(tmp_path / name)
        assert files(tmp_path) == set()

    def test_relative_ones_are_fine(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        job.check_folder(job.Path("runs/new"))
        job.check_folder(job.Path("."))
        assert files(tmp_path) == set()

    def test_other_files_do_not_matter(self, tmp_path):
        (tmp_path / "notes.txt").touch()
        job.check_folder(tmp_path)

    @pytest.mark.parametrize("name", ["file", "file/run", "file/and/run"])
    def test_a_file_is_no_folder(self, tmp_path, name):
        (tmp_path / "file").touch()
        line = self.complaint(tmp_path / name)
        assert f"{tmp_path / 'file'} is a file; choose a folder with --output" in line

    def test_must_be_writable(self, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        line = self.complaint(tmp_path / "new")
        assert "nothing can be written there (Read-only file system)" in line

    def test_a_name_may_be_too_long(self, tmp_path):
        assert "choose another" in self.complaint(tmp_path / ("x" * 300))

    @pytest.mark.parametrize(
        "name",
        [
            "result.png",
            "checkpoint.npz",
            "log.csv",
            "config.yaml",
            "run.json",
            "snapshots",
        ],
    )
    def test_an_earlier_run_is_not_replaced(self, tmp_path, name):
        (tmp_path / name).touch()
        line = self.complaint(tmp_path)
        assert f"holds an earlier run ({name})" in line
        assert "--overwrite" in line
        assert ("--resume" in line) == (name == "checkpoint.npz")
        job.check_folder(tmp_path, overwrite=True)
        job.check_folder(tmp_path, resume=True)
        assert files(tmp_path) == {name}

    def test_resume_or_overwrite(self, tmp_path):
        line = self.complaint(tmp_path, resume=True, overwrite=True)
        assert line == "--resume and --overwrite exclude each other; give one of them"


class TestOpenFolder:
    @pytest.fixture
    def earlier(self, tmp_path):
        """A folder with all that a run can leave, and notes of somebody's."""
        for name in (*RESUMABLE, "notes.txt"):
            (tmp_path / name).write_text("before")
        (tmp_path / "snapshots").mkdir()
        (tmp_path / "snapshots" / "step_000000.png").touch()
        return tmp_path

    def test_drops_an_earlier_run_but_its_result(self, earlier):
        with job.opened_folder(earlier, StyleConfig()):
            pass
        assert files(earlier) == {"result.png", "config.yaml", "notes.txt"}
        assert (earlier / "result.png").read_text() == "before"
        assert load_config(earlier / "config.yaml") == StyleConfig()

    def test_drops_no_pictures_of_somebody_s(self, earlier):
        (earlier / "snapshots" / "holiday.jpg").touch()
        with job.opened_folder(earlier, StyleConfig()):
            pass
        assert files(earlier / "snapshots") == {"holiday.jpg"}

    def test_keeps_a_run_that_is_resumed(self, earlier):
        with job.opened_folder(earlier, StyleConfig(), resume=True):
            pass
        assert files(earlier) == RESUMABLE | {"notes.txt", "snapshots"}
        assert (earlier / "log.csv").read_text() == "before"

    def test_says_what_is_in_the_way(self, tmp_path):
        (tmp_path / "file").touch()
        opened = job.opened_folder(tmp_path / "file" / "run", StyleConfig())
        with pytest.raises(ValueError, match=ONE_LINE) as error, opened:
            pass
        assert "cannot be made (Not a directory)" in str(error.value)


class TestWriteText:
    def test_a_failure_leaves_the_one_before(self, tmp_path, monkeypatch):
        path = tmp_path / "config.yaml"
        job.write_text(path, "before")

        def refuse(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", refuse)
            with pytest.raises(OSError, match="No space left"):
                job.write_text(path, "after")
        assert path.read_text("utf-8") == "before"
        assert files(tmp_path) == {"config.yaml"}


class TestPlan:
    def test_says_what_a_run_would_do(self, config, inputs, monkeypatch):
        from tfstyle import transfer

        monkeypatch.setattr(transfer, "vgg19", lambda *_: pytest.fail("computed"))
        text = job.plan(config.with_overrides(TWO_SCALES), inputs)
        for line in (
            "photo.png (64 x 43)",
            "painting.png (64 x 51), 2",
            "16 x 11, 2 steps",
            "32 x 22, 3 steps",
            "lbfgs",
            "block1_conv1, block2_conv1, block4_conv2",
            "GiB",
            "float32",
        ):
            assert line in text

    def test_memory_grows_with_the_picture(self, config, inputs):
        def gib(size):
            text = job.plan(config.with_overrides({"size": size}), inputs)
            line = next(each for each in text.splitlines() if "GiB" in each)
            return float(line.split()[-2])

        assert gib(256) < gib(1024) < gib(4096)
