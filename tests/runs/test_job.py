"""tfstyle.runs.job: the run directory, whatever ends the run."""

import contextlib
import csv
import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from tfstyle import StyleConfig
from tfstyle.api import Stop
from tfstyle.config import load_config
from tfstyle.engine.inputs import Inputs
from tfstyle.errors import RunError
from tfstyle.images import Metadata, load_image, load_text
from tfstyle.runs import ending, job
from tfstyle.runs.checkpoint import load_checkpoint
from tfstyle.runs.dry_run import plan

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
def whole(tiny_kept, photo, painting, tmp_path_factory):
    """The run directory of that run when nothing comes in between."""
    folder = tmp_path_factory.mktemp("whole")
    job.run_job(CONFIG, Inputs(photo, [painting]), folder, kept=tiny_kept)
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
    def raise_error(*_):
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
        (tmp_path / "again.yaml").write_text(text["Config"], "utf-8")
        assert load_config(tmp_path / "again.yaml") == CONFIG
        assert load_config(whole / "config.yaml") == CONFIG

    def test_only_the_config_file_names_folders(self, config, inputs, folder):
        path = "/somewhere/jane.doe/photo.png"
        config = config.with_overrides({"content.path": path})
        job.run_job(config, inputs, folder)
        assert load_config(folder / "config.yaml").content.path == path
        data = (folder / "result.png").read_bytes()
        assert b"jane.doe" not in data
        assert "path: photo.png" in load_text(folder / "result.png")["Config"]

    def test_result_keeps_the_metadata(self, config, inputs, folder):
        keep = Metadata(dpi=(300, 300), alpha=np.full((5, 5), 128, np.uint8))
        job.run_job(config, inputs, folder, metadata=keep)
        with Image.open(folder / "result.png") as result:
            assert result.mode == "RGBA"
            assert result.info["dpi"] == pytest.approx((300, 300), rel=1e-3)

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
        versions = {"tfstyle", "python", "tensorflow", "keras", "numpy", "pillow"}
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
        with pytest.warns(RuntimeWarning, match="the run has stalled"):
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

    @pytest.mark.parametrize("last", [False, True])
    def test_by_an_observer(self, config, inputs, folder, last):
        """All others have seen the step all the same."""
        seen = []

        def stop(step):
            if step.step == (STEPS if last else 2):
                raise Stop

        observers = [stop, lambda step: seen.append(step.step)]
        stopped = job.run_job(config, inputs, folder, observers=observers)
        assert stopped == record(folder)["stopped"]
        assert stopped == ("finished" if last else "interrupted")
        assert seen == steps_logged(folder) == list(range(STEPS + 1 if last else 3))
        assert files(folder) == (FINISHED if last else RESUMABLE)

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

        kind = optimizer_class(optimizer)
        step = kind.step
        with monkeypatch.context() as patch:
            patch.setattr(kind, "step", step_and_interrupt)
            with pytest.raises(KeyboardInterrupt):
                job.run_job(config, inputs, folder)
        assert record(folder)["stopped"] == "interrupted"
        assert resume(config, inputs, folder) == "finished"
        result = (folder / "result.png").read_bytes()
        assert result == (whole / "result.png").read_bytes()
        assert without_seconds(folder) == without_seconds(whole)


class TestFailed:
    @pytest.mark.parametrize(
        ("error", "what"),
        [
            (RuntimeError("boom"), "RuntimeError: boom"),
            (MemoryError(), "the memory is full; close"),
            (OSError(28, "No space left"), "No space left"),
        ],
    )
    def test_keeps_the_work(self, config, inputs, folder, events, error, what):
        events[3] = fail(error)
        with pytest.raises(RunError, match=what):
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

    def test_a_result_that_cannot_be_written_is_not_finished(
        self, config, inputs, folder, monkeypatch, whole
    ):
        with monkeypatch.context() as patch:
            patch.setattr(ending, "save_image", fail(OSError(28, "No space left")))
            with pytest.raises(RunError, match="No space left"):
                job.run_job(config, inputs, folder)
        assert record(folder)["stopped"] == "failed"
        assert load_checkpoint(folder / "checkpoint.npz", config).step == STEPS
        assert resume(config, inputs, folder) == "finished"
        assert files(folder) == FINISHED
        result = (folder / "result.png").read_bytes()
        assert result == (whole / "result.png").read_bytes()

    @pytest.fixture
    def no_weights(self, monkeypatch):
        from tfstyle.engine.kept import Kept

        def refuse(*_):
            raise ValueError("no weights")

        monkeypatch.setattr(Kept, "objective", refuse)

    def test_before_its_first_step_it_leaves_no_trace(
        self, config, inputs, folder, no_weights
    ):
        with pytest.raises(ValueError, match="no weights"):
            job.run_job(config, inputs, folder)
        assert not folder.exists()

    def test_before_its_first_step_it_spares_an_earlier_run(
        self, config, inputs, folder, events, request
    ):
        events[3] = send(signal.SIGINT)
        job.run_job(config, inputs, folder)
        request.getfixturevalue("no_weights")
        with pytest.raises(ValueError, match="no weights"):
            job.run_job(config, inputs, folder)
        assert files(folder) == RESUMABLE
        assert steps_logged(folder) == [0, 1, 2, 3]


class TestFilm:
    """A run with a film is finished when that is there."""

    @pytest.fixture
    def config(self, tiny_vgg19):
        return CONFIG.with_overrides({"output.film": "gif"})

    @pytest.fixture
    def whole(self, config, inputs, tmp_path):
        job.run_job(config, inputs, tmp_path / "whole")
        return tmp_path / "whole"

    def frames(self, folder):
        with Image.open(folder / "film.gif") as film:
            return film.n_frames

    def test_has_every_step(self, whole):
        assert files(whole) == FINISHED | {"film.gif"}
        assert self.frames(whole) == STEPS + 1

    @pytest.mark.parametrize(
        "error", [OSError(28, "No space left"), KeyboardInterrupt()]
    )
    def test_one_that_cannot_be_made_is_made_by_resuming(
        self, config, inputs, folder, monkeypatch, whole, error
    ):
        before = []

        def encode(*_):
            before.append((folder / "run.json").exists())
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("tfstyle.runs.frames.save_film", encode)
            with pytest.raises((RunError, KeyboardInterrupt)):
                job.run_job(config, inputs, folder)
        assert before == [False]  # nothing said that it was finished
        if isinstance(error, OSError):
            assert record(folder)["stopped"] == "failed"
        assert load_checkpoint(folder / "checkpoint.npz", config).step == STEPS
        assert not (folder / "film.gif").exists()
        assert resume(config, inputs, folder) == "finished"
        assert files(folder) == FINISHED | {"film.gif"}
        film = (folder / "film.gif").read_bytes()
        assert film == (whole / "film.gif").read_bytes()

    @pytest.mark.parametrize("error", [RuntimeError("boom"), None])
    def test_of_a_resumed_run_is_complete(
        self, config, inputs, folder, events, whole, error
    ):
        """It goes on from the only checkpoint, of step 0, or from that of step 3."""
        config = config.with_overrides({"output.checkpoint_every": 1e9})
        events[3] = fail(error) if error else send(signal.SIGINT)
        with pytest.raises(RunError) if error else contextlib.nullcontext():
            job.run_job(config, inputs, folder)
        assert files(folder) == RESUMABLE | {"frames"}
        events.clear()
        if error:
            (folder / "checkpoint.npz").unlink()  # as if it had been killed
        assert resume(config, inputs, folder) == "finished"
        assert files(folder) == FINISHED | {"film.gif"}
        film = (folder / "film.gif").read_bytes()
        assert film == (whole / "film.gif").read_bytes()

    def test_frames_go_with_the_film(self, config, inputs, folder, events):
        events[3] = send(signal.SIGINT)
        job.run_job(config, inputs, folder)
        events.clear()
        plain = config.with_overrides({"output.film": None})
        assert resume(plain, inputs, folder) == "finished"
        assert files(folder) == FINISHED

    def test_one_of_an_earlier_run_goes(self, config, inputs, folder):
        job.run_job(config, inputs, folder)
        job.run_job(CONFIG, inputs, folder)
        assert files(folder) == FINISHED


def optimizer_class(name):
    """Return the class of an optimizer's name."""
    from tfstyle import optimizers

    return {"lbfgs": optimizers.LBFGS, "adam": optimizers.Adam}[name]


def test_the_end_of_another_process_is_told_in_words(monkeypatch):
    monkeypatch.setattr(job, "workers", lambda: ["a:1", "b:1"])
    error = job.failure(Exception("{{x}} Collective ops is aborted by: closed"))
    assert str(error) == "another process of this run has ended, or cannot be reached"


class TestPlan:
    def test_says_what_a_run_would_do(self, config, inputs, monkeypatch):
        from tfstyle.engine.kept import Kept

        monkeypatch.setattr(Kept, "objective", lambda *_: pytest.fail("computed"))
        text = plan(config.with_overrides(TWO_SCALES), inputs)
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
            text = plan(config.with_overrides({"size": size}), inputs)
            line = next(each for each in text.splitlines() if "GiB" in each)
            return float(line.split()[-2])

        assert gib(256) < gib(1024) < gib(4096)
