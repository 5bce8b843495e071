"""The command line: what it writes, what it says, and how it ends.

Only what needs a process of its own has one, since each imports TensorFlow anew.
"""

import csv
import errno
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from absl.testing import flagsaver

from tfstyle import run
from tfstyle.config import load_config
from tfstyle.images import load_image, load_text, save_image
from tfstyle.runs import job
from tfstyle.runs.progress import Bar
from tfstyle.system.quiet import quiet_import
from tfstyle.vgg.weights import weights_path

ROOT = Path(__file__).parent.parent
PROGRESS = re.compile(r" *\d+% step \d+, .*")
TINY = (
    *("--content", "photo.png", "--style", "painting.png", "--size", "24"),
    *("--set", "objective.content_layers={block4_conv2: 1}"),
    *("--set", "objective.style_layers={block1_conv1: 1, block2_conv1: 1}"),
    *("--set", "pyramid={min_size: null, steps: [4]}"),
    *("--set", "precision=float32"),
)
FINISHED = {"result.png", "config.yaml", "log.csv", "run.json"}
RESUMABLE = FINISHED | {"checkpoint.npz", "checkpoint.previous.npz"}


class Trap:
    """What leaves a file behind when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("unpickled"),)


class Outcome(NamedTuple):
    """What a command left on the screen."""

    code: int
    out: str
    err: str


@pytest.fixture
def desk(tmp_path, monkeypatch, photo, painting):
    """The folder to work in, with good pictures and bad ones."""
    save_image(tmp_path / "photo.png", photo)
    save_image(tmp_path / "painting.png", painting)
    save_image(tmp_path / "dot.png", photo[:5, :5])
    save_image(tmp_path / "white.png", np.ones_like(photo))
    save_image(tmp_path / "strip.png", np.repeat(photo[:20], 10, axis=1))
    (tmp_path / "text.jpg").write_text("Dear diary,")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "typo.yaml").write_text("objective: {style_wieght: 3}")
    (tmp_path / "broken.yaml").write_text("size: [64")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tfstyle(desk, capsys):
    """Run the command in this process, at the desk."""

    def call(*arguments):
        with flagsaver.flagsaver():
            code = run.main(["tfstyle", *map(str, arguments)])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def stop_at(monkeypatch):
    """Let a step send SIGINT, or raise an error."""
    events = {}

    def observe(step):
        error = events.get(step.step)
        if isinstance(error, Exception):
            raise error
        if error:
            os.kill(os.getpid(), signal.SIGINT)

    observers = job._observers
    monkeypatch.setattr(
        job, "_observers", lambda *arguments: [*observers(*arguments), observe]
    )
    return events


def process(*arguments, **options):
    """Start the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tfstyle.run", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def outcome(started):
    out, err = started.communicate(timeout=300)
    return Outcome(started.returncode, out, err)


def tree(folder):
    """Return every file below a folder with its contents."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def files(folder):
    return {path.name for path in folder.iterdir()}


def steps_logged(folder):
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


class TestSmoke:
    @pytest.fixture(scope="class")
    @classmethod
    def smoke(cls, tmp_path_factory):
        """Run the smoke config as a user does, from a folder of the user's."""
        desk = tmp_path_factory.mktemp("desk")
        done = outcome(
            process(
                *("--config", ROOT / "configs/smoke.yaml", "--output", "run"),
                *("--set", "output.snapshot_every=2"),
                cwd=desk,
            )
        )
        return done, desk

    def test_ends_well(self, smoke):
        done, desk = smoke
        assert done.code == 0
        assert done.out == f"{Path('run/result.png')}\n"
        assert files(desk) == {"run"}

    def test_prints_nothing_but_its_progress(self, smoke):
        lines = smoke[0].err.splitlines()
        assert lines
        assert [line for line in lines if not PROGRESS.fullmatch(line)] == []
        assert lines[-1].startswith("100% step 3, 64x43 (1/1): total ")

    def test_writes_the_run_directory(self, smoke):
        folder = smoke[1] / "run"
        assert files(folder) == FINISHED | {"snapshots"}
        assert files(folder / "snapshots") == {"step_000000.png", "step_000002.png"}

    def test_result_carries_the_resolved_config(self, smoke):
        folder = smoke[1] / "run"
        assert load_image(folder / "result.png").shape == (43, 64, 3)
        config = load_config(folder / "config.yaml")
        assert config.size == 64
        assert config.content.path == str(ROOT / "examples/content/chelsea.png")
        text = load_text(folder / "result.png")
        (folder / "published.yaml").write_text(text["Config"], "utf-8")
        published = load_config(folder / "published.yaml")
        (folder / "published.yaml").unlink()
        assert (published.size, published.content.path) == (64, "chelsea.png")
        assert re.fullmatch(r"tfstyle \d+\.\d+\.\d+\S*", text["Software"])

    def test_log(self, smoke):
        header, *rows = (smoke[1] / "run/log.csv").read_text("utf-8").splitlines()
        assert header == (
            "step,scale,height,width,seconds,total,content,style,variation"
        )
        assert [row.split(",")[:4] for row in rows] == [
            [step, "0", "43", "64"] for step in "0123"
        ]

    def test_record(self, smoke):
        found = json.loads((smoke[1] / "run/run.json").read_text("utf-8"))
        assert found["stopped"] == "finished"
        assert found["precision"] in ("float32", "bfloat16")
        assert found.keys() >= {
            *("versions", "device", "precision", "seed", "weights_sha256"),
            *("seconds", "stopped"),
        }


class TestRun:
    def test_prints_the_result_s_path(self, tiny_vgg19, tfstyle, desk):
        done = tfstyle(*TINY, "--output", "run")
        assert (done.code, done.out) == (0, f"{Path('run/result.png')}\n")
        assert files(desk / "run") == FINISHED

    def test_is_named_after_its_config(self, tiny_vgg19, tfstyle, desk):
        (desk / "mine.yaml").write_text("seed: 5")
        assert tfstyle(*TINY, "--config", "mine.yaml").code == 0
        assert load_config(desk / "runs/mine/config.yaml").seed == 5
        assert tfstyle(*TINY).code == 0
        assert files(desk / "runs") == {"mine", "default"}

    def test_flags_come_before_the_config(self, tiny_vgg19, tfstyle, desk):
        (desk / "mine.yaml").write_text(
            "content: {path: a.png}\nstyles: [{path: b.png, weight: 9}]\n"
            "size: 999\nobjective: {tv_weight: 9, content_weight: 7}\n"
        )
        flags = ("--style", "photo.png", "--set", "objective.tv_weight=0.5")
        done = tfstyle(*TINY, *flags, "--config", "mine.yaml", "--output", "run")
        assert done.code == 0
        config = load_config(desk / "run/config.yaml")
        assert config.content.path == "photo.png"
        assert [style.path for style in config.styles] == ["painting.png", "photo.png"]
        assert [style.weight for style in config.styles] == [1, 1]
        assert config.size == 24
        assert config.objective.tv_weight == 0.5
        assert config.objective.content_weight == 7

    def test_the_config_it_writes_repeats_it(self, tiny_vgg19, tfstyle, desk):
        assert tfstyle(*TINY, "--output", "first").code == 0
        again = tfstyle("--config", "first/config.yaml", "--output", "second")
        assert again.code == 0
        first, second = (desk / name / "result.png" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()

    def test_overwrite_replaces_an_earlier_run(self, tiny_vgg19, tfstyle, desk):
        tfstyle(*TINY, "--output", "run", "--set", "output.snapshot_every=1")
        before = (desk / "run/result.png").read_bytes()
        tail = ("--output", "run", "--overwrite", "--set", "objective.tv_weight=9")
        assert tfstyle(*TINY, *tail).code == 0
        assert files(desk / "run") == FINISHED
        assert (desk / "run/result.png").read_bytes() != before


class TestDryRun:
    def test_prints_the_plan_and_does_nothing(self, tfstyle, desk, monkeypatch):
        monkeypatch.setattr(job, "run_job", lambda *_, **__: pytest.fail("computed"))
        before = tree(desk)
        done = tfstyle(*TINY, "--output", "deep/run", "--dry_run")
        assert done.code == 0
        assert done.err == ""
        for phrase in ("photo.png (64 x 43)", "24 x 16, 4 steps", "GiB", "deep/run"):
            assert phrase in done.out
        assert tree(desk) == before

    def test_tells_of_an_earlier_run(self, tiny_vgg19, tfstyle, desk):
        tfstyle(*TINY, "--output", "run")
        done = tfstyle(*TINY, "--output", "run", "--dry_run")
        assert done.code == 0
        assert "run (holds an earlier run (result.png); choose another" in done.out
        again = tfstyle(*TINY, "--output", "run", "--dry_run", "--overwrite")
        assert "earlier" not in again.out

    def test_says_what_the_run_would(self, tfstyle, desk):
        limit = ("--size", "4096", "--set", "memory.limit_gib=3", "--dry_run")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            done = tfstyle(*TINY, *limit)
            larger = tfstyle(*TINY, "--size", "9999", *limit[2:])
        assert done.code == 0
        assert "leave room only for tiles" in done.err
        assert "painting.png is enlarged from 64 to 4096 pixels" in done.err
        assert larger.code == 2
        assert "9999 x 6718 pixels need about" in larger.err

    def test_finds_the_same_mistakes(self, tfstyle, desk):
        before = tree(desk)
        for flags in (
            ("--set", "sze=3"),
            ("--style", "missing.jpg"),
            ("--style", "dot.png", "--set", "objective.style_layers={block5_conv1: 1}"),
            ("--output", "text.jpg"),
            ("--resume",),
            ("--set", "extractor.weights=missing.h5"),
        ):
            done = tfstyle(*TINY, *flags, "--dry_run")
            assert (done.code, done.out) == (2, "")
        assert tree(desk) == before


class TestMistakes:
    @pytest.mark.parametrize(
        ("flags", "expected"),
        [
            ([], "no content picture; give --content PATH"),
            (["--content", "photo.png"], "no style picture; give --style PATH"),
            (["--config", "missing.yaml"], "missing.yaml cannot be read"),
            (["--config", "typo.yaml"], "did you mean style_weight?"),
            (["--config", "broken.yaml"], "broken.yaml is not valid YAML"),
            (["--config", "photo.png"], "photo.png cannot be read: it is not UTF-8"),
            (["--config", "folder"], "folder cannot be read: Is a directory"),
            (
                [*TINY, "--content", "painting.png"],
                "--content is there 2 times, and a run has one content image; for many "
                "of them: python -m tfstyle.batch",
            ),
            (["--content", "missing.png", *TINY[2:]], "missing.png: No such file"),
            ([*TINY, "--style", "text.jpg"], "text.jpg"),
            ([*TINY, "--style", "empty.png"], "empty.png: it is empty"),
            ([*TINY, "--style", "folder"], "folder: Is a directory"),
            (["--content", "dot.png", *TINY[2:]], "dot.png has 5 x 5 pixels"),
            (
                ["--content", "strip.png", *TINY[2:]],
                "24 x 1 pixels at the coarsest size",
            ),
            ([*TINY, "--set", "init=missing.png"], "missing.png: No such file"),
            ([*TINY, "--set", "extractor.weights=missing.h5"], "weights missing.h5"),
            ([*TINY, "--size", "8"], "size is 8: it should be greater"),
            (
                [*TINY, "--size", "big"],
                "--size=big: a whole number of pixels is needed",
            ),
            ([*TINY, "--output", ""], "--output is empty"),
            ([*TINY, "two.png"], "every value needs its --flag"),
            ([*TINY, "--size"], "Missing value for flag --size"),
            ([*TINY, "--set", "seed"], "write --set key=value"),
            ([*TINY, "--set", "sede=3"], "did you mean seed?"),
            ([*TINY, "--set", "seed=many"], "seed is 'many': a number is needed"),
            ([*TINY, "--set", "styles.1.scale=2"], "set the whole list"),
            ([*TINY, "--set", "objective.tv_weight=nan"], "should be a finite number"),
            ([*TINY, "--outptu", "run"], "Did you mean: output"),
            ([*TINY, "--iterations=9"], "Unknown command line flag 'iterations'"),
            ([*TINY, "painting.png"], "unexpected argument 'painting.png'"),
            ([*TINY, "--output", "text.jpg"], "text.jpg is a file"),
            ([*TINY, "--output", "text.jpg/run"], "is a file; choose a folder"),
            ([*TINY, "--resume"], "there is no run in"),
            ([*TINY, "--resume", "--overwrite"], "exclude each other"),
            ([*TINY, "--style", "no\nsuch.png"], "no such.png: No such file"),
            ([*TINY, "--set", "size=32"], "--size and --set size=... are both there"),
            ([*TINY, "--set", "content={path: a}"], "--content and --set content=..."),
            (
                [*TINY, "--set", "content.path=a"],
                "--content and --set content.path=...",
            ),
            ([*TINY, "--set", "styles=[]"], "--style and --set styles=..."),
            (
                ["--content", "", *TINY[2:]],
                "content.path is '': no file can have this name",
            ),
            ([*TINY, "--style", "a\0b"], "no file can have this name; give a path"),
            (
                ["--content", "\ud800", *TINY[2:]],
                "no file can have this name; give a path",
            ),
            ([*TINY, "--style", "x" * 5000], "File name too long"),
            ([*TINY, "--config", "x" * 5000], "cannot be read: File name too long"),
            ([*TINY, "--config", "a\0b"], "cannot be read: embedded null byte"),
            ([*TINY, "--config", ""], "cannot be read: "),
            ([*TINY, "--config", "/dev/zero"], "not a regular file"),
            ([*TINY, "--set", "keep.mask=text.jpg"], "text.jpg"),
            ([*TINY, "--set", "keep.mask=missing.png"], "No such file or directory"),
            ([*TINY, "--set", "keep.mask=white.png"], "keeps everything"),
            ([*TINY, "--set", "palette=empty.png"], "it is empty"),
            (
                [*TINY, "--set", "palette=photo.png", "--set", "color=content_match"],
                "palette is 'photo.png': it is of no use with color=content_match",
            ),
            ([*TINY, "--set", "color=blue"], "'content_luminance' or"),
            ([*TINY, "--set", "color_strength=2"], "less than or equal to 1"),
            ([*TINY, "--set", "photorealism=-0.1"], "greater than or equal to 0"),
            ([*TINY, "--set", "photorealism=1.1"], "less than or equal to 1"),
            ([*TINY, "--set", "photorealism=.nan"], "should be a finite number"),
            ([*TINY, "--set", "content.recolor=false"], "is now color_strength"),
            ([*TINY, "--set", "extractor.weights=/dev/zero"], "it is no regular one"),
            ([*TINY, "--set", "extractor.weights=folder"], "it is no regular one"),
            ([*TINY, "--set", f"extractor.weights={'x' * 5000}"], "no such file"),
            ([*TINY, "--set", "size=2020-99-99", "--size=9"], "is no timestamp"),
            pytest.param(
                [*TINY, "--output", "x" * 300],
                "choose another",
            ),
        ],
        ids=lambda value: " ".join(value[-2:])[:40] if isinstance(value, list) else "",
    )
    def test_cost_one_line_and_nothing_else(self, tfstyle, desk, flags, expected):
        before = tree(desk)
        done = tfstyle(*flags)
        assert done.code == 2
        assert done.out == ""
        assert re.fullmatch(r"tfstyle: error: [^\n]+\n", done.err)
        assert expected in done.err
        assert tree(desk) == before

    @pytest.mark.parametrize("content", ["text", "zip", "pickle", "empty"])
    def test_weights_of_another_network(self, tfstyle, desk, content):
        """Nothing is unpickled, nor unpacked, nor given to TensorFlow."""
        path = desk / "other.weights.h5"
        if content == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(weights_path("bundled"), "model.weights.h5")
        else:
            data = {
                "text": b"Dear diary,",
                "pickle": pickle.dumps(Trap()),
                "empty": b"",
            }
            path.write_bytes(data[content])
        before = tree(desk)
        done = tfstyle(*TINY, "--set", "extractor.weights=other.weights.h5")
        assert done.code == 2
        assert re.fullmatch(r"tfstyle: error: [^\n]+\n", done.err)
        assert "other.weights.h5 are not those of Keras' VGG19" in done.err
        assert tree(desk) == before

    def test_an_earlier_run_is_safe(self, tiny_vgg19, tfstyle, desk):
        assert tfstyle(*TINY, "--output", "run").code == 0
        before = tree(desk)
        done = tfstyle(*TINY, "--output", "run")
        assert done.code == 2
        assert "holds an earlier run (result.png)" in done.err
        assert "--overwrite" in done.err
        bad = ("--overwrite", "--set", "extractor.weights=missing.h5")
        assert tfstyle(*TINY, "--output", "run", *bad).code == 2
        assert tfstyle(*TINY, "--output", "run", "--resume").code == 0  # it is done
        other = tfstyle(*TINY, "--output", "run", "--resume", "--set", "seed=77")
        assert other.code == 2
        assert "seed: 0 before, 77 now" in other.err
        assert tree(desk) == before

    def test_in_a_process_of_its_own(self, tmp_path):
        """Neither Python nor TensorFlow adds a line."""
        done = outcome(process("--config", "missing.yaml", cwd=tmp_path))
        assert done == (
            2,
            "",
            "tfstyle: error: config missing.yaml cannot be read: No such file or "
            "directory; give a YAML file such as configs/default.yaml\n",
        )
        assert files(tmp_path) == set()


def shell(line, cwd, **options):
    """Run a line of sh, in which "tfstyle" is the command."""
    command = f'"{sys.executable}" -m tfstyle.run'
    done = subprocess.run(
        ["sh", "-c", line.replace("tfstyle", command, 1)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **options},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


SMOKE = f'--config "{ROOT}/configs/smoke.yaml" --output run'


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
class TestStreams:
    """Standard output and stderr that are closed, full, or read no more."""

    def test_the_run_needs_none(self, tmp_path):
        assert shell(f"tfstyle {SMOKE} <&- >&- 2>&-", tmp_path) == (0, "", "")
        assert files(tmp_path / "run") == FINISHED

    def test_a_complaint_never_goes_to_standard_output(self, tmp_path):
        assert shell("tfstyle --nonsense 2>&-", tmp_path) == (2, "", "")
        assert shell("tfstyle --nonsense 2>/dev/full", tmp_path) == (2, "", "")

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("flags", ["--help", f"{SMOKE} --dry_run"])
    def test_output_that_cannot_be_written(self, tmp_path, flags, unbuffered):
        line = f"tfstyle {flags} >/dev/full"
        done = shell(line, tmp_path, PYTHONUNBUFFERED=unbuffered)
        assert done == (
            1,
            "",
            "tfstyle: error: the output cannot be written: No space left on device; "
            "direct it elsewhere\n",
        )

    def test_output_that_is_read_no_more(self, tmp_path):
        assert shell("(sleep 1; tfstyle --help) | true", tmp_path) == (0, "", "")


class TestNoStderr:
    """In a library there may be none from the start, as without a console."""

    def test_progress_goes_nowhere(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", None)
        bar = Bar()
        bar.show(0.5, 1.0, "half", last=False)
        bar.close()

    def test_imports_work(self, monkeypatch):
        def closed(number):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

        monkeypatch.setattr(sys, "stderr", None)
        monkeypatch.setattr(os, "dup", closed)
        with quiet_import():
            done = True
        assert done
        with pytest.raises(ImportError), quiet_import():
            raise ImportError

    @pytest.mark.parametrize("error", [ImportError, KeyboardInterrupt])
    def test_what_libraries_said_is_shown_if_they_fail(self, capfd, error):
        def fail():
            os.write(2, b"what a library said")
            raise error

        with pytest.raises(error), quiet_import():
            fail()
        said = capfd.readouterr().err
        assert said == ("what a library said" if error is ImportError else "")


class TestSystemErrors:
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (PermissionError(13, "Permission denied", "a.txt"), "a.txt: Permission"),
            (OSError("Cannot save a.png"), "Cannot save a.png"),
            (MemoryError(), "the memory is full"),
        ],
    )
    def test_are_one_line(self, tfstyle, monkeypatch, error, expected):
        def fail():
            raise error

        monkeypatch.setattr(run, "transfer_command", fail)
        done = tfstyle()
        assert (done.code, done.out) == (1, "")
        assert re.fullmatch(r"tfstyle: error: [^\n]+\n", done.err)
        assert expected in done.err


class TestHelp:
    @pytest.mark.parametrize("flag", ["--help", "-h"])
    def test_names_every_flag(self, tfstyle, flag):
        done = tfstyle(flag)
        assert done.code == 0
        assert done.err == ""
        assert "python -m tfstyle.run --config configs/default.yaml" in done.out
        for name in (
            *("config", "content", "style", "size", "output", "set"),
            *("[no]resume", "[no]overwrite", "[no]dry_run"),
        ):
            assert f"--{name}" in done.out


class TestFailure:
    def test_is_one_line_and_the_work_is_saved(
        self, tiny_vgg19, tfstyle, desk, stop_at
    ):
        stop_at[2] = RuntimeError("the disk is on fire\nand so on\n")
        done = tfstyle(*TINY, "--output", "run")
        assert done.code == 1
        assert done.out == ""
        errors = [line for line in done.err.splitlines() if "step" not in line]
        assert errors == [
            "tfstyle: error: the run failed: RuntimeError: the disk is on fire; "
            "--resume goes on"
        ]
        assert files(desk / "run") == RESUMABLE
        assert steps_logged(desk / "run") == [0, 1, 2]

    @pytest.mark.parametrize(
        "error", [MemoryError(), RuntimeError("no kernel\nfor it")]
    )
    def test_at_the_first_step_is_one_line_and_leaves_nothing(
        self, tfstyle, desk, monkeypatch, error
    ):
        def fail(*_):
            raise error

        monkeypatch.setattr("tfstyle.engine.kept.Kept.objective", fail)
        before = tree(desk)
        done = tfstyle(*TINY, "--output", "run")
        assert done.code == 1
        assert re.fullmatch(r"tfstyle: error: the run failed: [^\n]+\n", done.err)
        assert tree(desk) == before

    def test_a_value_error_is_one_too(self, tiny_vgg19, tfstyle, stop_at):
        stop_at[2] = ValueError("shapes (3,) and (4,) are not aligned")
        assert tfstyle(*TINY, "--output", "run").code == 1

    def test_losses_beyond_all_numbers_are_one(self, tiny_vgg19, tfstyle):
        weights = ("--set", "objective={tv_weight: 1.0e+38, tv_reduction: sum}")
        assert tfstyle(*TINY, *weights, "--output", "run").code != 0


class TestInterruption:
    def test_and_resume_with_a_mask(self, tiny_vgg19, tfstyle, desk, photo, stop_at):
        mask = np.zeros_like(photo)
        mask[:, :30] = 1
        save_image(desk / "mask.png", mask)
        keep = ("--set", "keep.mask=mask.png", "--set", "color=content_luminance")
        assert tfstyle(*TINY, *keep, "--size", "64", "--output", "whole").code == 0
        stop_at[2] = True
        interrupted = tfstyle(*TINY, *keep, "--size", "64", "--output", "run")
        assert interrupted.code == 130
        stop_at.clear()
        save_image(desk / "mask.png", mask[:, ::-1])
        refused = tfstyle(*TINY, *keep, "--size", "64", "--output", "run", "--resume")
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "pictures.keep.mask: " in refused.err
        save_image(desk / "moved.png", mask)
        keep = ("--set", "keep.mask=moved.png", *keep[2:])
        again = tfstyle(*TINY, *keep, "--size", "64", "--output", "run", "--resume")
        assert again.code == 0
        whole, found = (load_image(f"{each}/result.png") for each in ("whole", "run"))
        np.testing.assert_array_equal(found, whole)
        own = load_image("photo.png")
        np.testing.assert_array_equal(found[:, :30], own[:, :30])
        assert np.abs(found - own)[:, 30:].mean() > 0.01

    def test_and_resume(self, tiny_vgg19, tfstyle, desk, stop_at):
        stop_at[2] = True
        done = tfstyle(*TINY, "--output", "run")
        assert done.code == 130
        assert done.err.splitlines()[-1] == (
            "tfstyle: interrupted; the work so far is in run, --resume goes on"
        )
        assert files(desk / "run") == RESUMABLE
        stop_at.clear()
        again = tfstyle(*TINY, "--output", "run")
        assert again.code == 2
        assert "--overwrite or --resume" in again.err
        assert tfstyle(*TINY, "--output", "run", "--resume").code == 0
        assert files(desk / "run") == FINISHED
        assert steps_logged(desk / "run") == [0, 1, 2, 3, 4]

    def test_drops_the_film_of_an_earlier_run(self, tiny_vgg19, tfstyle, desk, stop_at):
        tfstyle(*TINY, "--output", "run", "--set", "output.film=gif")
        assert (desk / "run/film.gif").exists()
        stop_at[2] = True
        assert tfstyle(*TINY, "--output", "run", "--overwrite").code == 130
        assert files(desk / "run") == RESUMABLE

    def test_does_not_resume_another_config(self, tiny_vgg19, tfstyle, desk, stop_at):
        stop_at[2] = True
        tfstyle(*TINY, "--output", "run")
        stop_at.clear()
        before = tree(desk)
        changes = ("--set", "seed=7", "--set", "objective.tv_weight=3")
        done = tfstyle(*TINY, *changes, "--output", "run", "--resume")
        assert done.code == 2
        assert "seed: 0 before, 7 now" in done.err
        assert "objective.tv_weight: 5.0 before, 3.0 now" in done.err
        assert tree(desk) == before
        output = ("--set", "output.snapshot_every=1")
        assert tfstyle(*TINY, *output, "--output", "run", "--resume").code == 0

    def test_a_dry_run_changes_nothing(self, tiny_vgg19, tfstyle, desk, stop_at):
        stop_at[2] = True
        tfstyle(*TINY, "--output", "run")
        (desk / "run/checkpoint.npz").write_bytes(b"damaged")
        before = tree(desk)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            done = tfstyle(*TINY, "--output", "run", "--resume", "--dry_run")
        assert done.code == 0
        assert "resuming from the one before" in done.err
        assert tree(desk) == before

    def test_what_a_finished_run_left_goes_when_it_is_resumed(
        self, tiny_vgg19, tfstyle, desk
    ):
        """As where it was killed between its record and its last checkpoint's end."""
        tfstyle(*TINY, "--output", "run")
        (desk / "run/checkpoint.npz").touch()
        dry = tfstyle(*TINY, "--output", "run", "--resume", "--dry_run")
        assert (dry.code, dry.out) == (0, f"{Path('run/result.png')}\n")
        assert files(desk / "run") == FINISHED | {"checkpoint.npz"}
        done = tfstyle(*TINY, "--output", "run", "--resume")
        assert (done.code, done.out) == (0, f"{Path('run/result.png')}\n")
        assert files(desk / "run") == FINISHED

    def test_makes_the_film_that_failed(self, tiny_vgg19, tfstyle, desk, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        film = ("--set", "output.film=gif", "--output", "run")
        with monkeypatch.context() as patch:
            patch.setattr("tfstyle.runs.frames.save_film", full)
            done = tfstyle(*TINY, *film)
        assert done.code == 1
        assert done.err.splitlines()[-1].endswith("; --resume goes on")
        assert "No space left on device" in done.err
        assert tfstyle(*TINY, *film, "--resume").code == 0
        assert files(desk / "run") == FINISHED | {"film.gif"}

    @pytest.mark.parametrize("size", [(43, 64), (64, 64)])
    def test_does_not_resume_with_another_picture(
        self, tiny_vgg19, tfstyle, desk, stop_at, random, size
    ):
        stop_at[2] = True
        tfstyle(*TINY, "--output", "run")
        stop_at.clear()
        save_image(desk / "photo.png", random.random((*size, 3)))
        done = tfstyle(*TINY, "--output", "run", "--resume")
        assert done.code == 2
        assert "pictures.content: " in done.err

    def test_by_ctrl_c(self, tfstyle, desk):
        """With the real network, in a process of its own, at whatever step it is."""
        layers = ("--set", "objective.content_layers={block2_conv2: 1}")
        steps = ("--set", "pyramid.steps=[100]", "--set", "optimizer.tolerance=0")
        flags = (*TINY, *layers, *steps, "--output", "run")
        started = process(*flags, cwd=desk)
        log = desk / "run" / "log.csv"
        while started.poll() is None and not (
            log.exists() and log.read_text("utf-8").count("\n") > 3
        ):
            time.sleep(0.005)
        started.send_signal(signal.SIGINT)
        done = outcome(started)
        assert done.code == 130
        assert done.err.splitlines()[-1].startswith("tfstyle: interrupted; ")
        assert files(desk / "run") == RESUMABLE
        record = json.loads((desk / "run/run.json").read_text("utf-8"))
        assert record["stopped"] == "interrupted"
        assert 0 < record["steps"] < 100
        assert load_image(desk / "run/result.png").shape == (16, 24, 3)

        assert tfstyle(*flags, "--resume").code == 0
        assert files(desk / "run") == FINISHED
        assert steps_logged(desk / "run") == list(range(101))
        assert tfstyle(*flags, "--output", "whole").code == 0
        resumed, whole = (desk / name / "result.png" for name in ("run", "whole"))
        assert load_image(resumed).tobytes() == load_image(whole).tobytes()
        assert resumed.read_bytes() == whole.read_bytes()
