"""tfstyle.runs.observers: what watches a run, fed with steps that never were."""

import csv
import io
import os
import pty
import re

import numpy as np
import pytest

from tfstyle.config.schema import StyleConfig
from tfstyle.images import load_image
from tfstyle.runs.checkpoint import Checkpoint, load_checkpoint
from tfstyle.runs.observers import (
    Checkpoints,
    Log,
    Progress,
    Snapshots,
    Stillness,
    describe,
    time_left,
)

STEPS = 10
COLUMNS = "step,scale,height,width,seconds,total,content,style,variation"


def make_step(number, **changes):
    """Step `number` of 10, half a second each, at the second of two sizes."""
    from tfstyle.engine.stage import Step
    from tfstyle.objective.whole import Losses

    fields = {
        "step": number,
        "scale": 1,
        "scales": 2,
        "height": 43,
        "width": 64,
        "seconds": number / 2,
        "progress": number / STEPS,
        "precision": "float32",
        "plan": None,
        "losses": Losses(10.0 / (number + 1), 0.25, 1e-9, 2 / 3),
        "converged": False,
        "last": number == STEPS,
        "image": lambda: np.full((4, 6, 3), number / STEPS, np.float32),
        "checkpoint": lambda: pytest.fail("nobody asked for a checkpoint"),
    }
    return Step(**(fields | changes))


def watch(observer, numbers, **changes):
    for number in numbers:
        observer(make_step(number, **changes))
    observer.close()


class Terminal(io.StringIO):
    """A stream that says it is a screen."""

    def isatty(self):
        return True


class TestLog:
    def test_has_a_row_per_step(self, tmp_path):
        watch(Log(tmp_path / "log.csv"), [0, 1])
        assert (tmp_path / "log.csv").read_text("utf-8").splitlines() == [
            COLUMNS,
            "0,1,43,64,0.000,10,0.25,1e-09,0.666666667",
            "1,1,43,64,0.500,5,0.25,1e-09,0.666666667",
        ]

    def test_its_losses_come_back_as_float32(self, tmp_path):
        from tfstyle.objective.whole import Losses

        values = np.float32([1 / 3, 1e-38, 16777217, np.pi * 1e30])
        step = make_step(0, losses=Losses(*(float(value) for value in values)))
        log = Log(tmp_path / "log.csv")
        log(step)
        log.close()
        row = (tmp_path / "log.csv").read_text("utf-8").splitlines()[1].split(",")
        np.testing.assert_array_equal(np.float32(row[5:]), values)

    def test_can_be_read_while_it_grows(self, tmp_path):
        log = Log(tmp_path / "log.csv")
        log(make_step(0))
        assert (tmp_path / "log.csv").read_text("utf-8").count("\n") == 2
        log.close()

    @pytest.mark.parametrize("resumed", [0, 1, 3, 4])
    def test_a_resumed_one_has_every_step_once(self, tmp_path, resumed):
        path = tmp_path / "log.csv"
        watch(Log(path), range(4))
        watch(Log(path, resumed), range(resumed, 6))
        with open(path, newline="") as file:
            header, *rows = csv.reader(file)
        assert ",".join(header) == COLUMNS
        assert [int(row[0]) for row in rows] == list(range(6))

    def test_a_resumed_one_drops_a_row_that_was_cut_short(self, tmp_path):
        path = tmp_path / "log.csv"
        watch(Log(path), range(3))
        path.write_text(path.read_text("utf-8")[:-20])
        watch(Log(path, 3), [3])
        rows = path.read_text("utf-8").splitlines()
        assert [row.split(",")[0] for row in rows] == ["step", "0", "1", "3"]

    def test_a_resumed_one_does_without_the_earlier(self, tmp_path):
        watch(Log(tmp_path / "log.csv", 5), [5])
        rows = (tmp_path / "log.csv").read_text("utf-8").splitlines()
        assert [row.split(",")[0] for row in rows] == ["step", "5"]

    def test_one_that_is_not_resumed_starts_again(self, tmp_path):
        watch(Log(tmp_path / "log.csv"), range(4))
        watch(Log(tmp_path / "log.csv"), [0])
        assert (tmp_path / "log.csv").read_text("utf-8").count("\n") == 2

    @pytest.mark.parametrize("damage", [b"\nx,1,2,3,4,5,6,7,8\n", b"\xff\xfe\x00"])
    def test_a_resumed_one_drops_what_cannot_be_read(self, tmp_path, damage):
        path = tmp_path / "log.csv"
        watch(Log(path), range(3))
        path.write_bytes(path.read_bytes() + damage)
        watch(Log(path, 3), [3])
        assert path.read_text("utf-8").splitlines()[-1].startswith("3,")


class TestProgressInAFile:
    def test_has_a_line_for_the_first_the_last_and_every_ten_seconds(self):
        stream = io.StringIO()
        progress = Progress(stream)
        for number in range(STEPS + 1):
            progress(make_step(number, seconds=number * 4.0))
        progress.close()
        steps = re.findall(r"step (\d+),", stream.getvalue())
        assert steps == ["0", "3", "6", "9", "10"]
        assert "\r" not in stream.getvalue()

    def test_says_how_far_it_is(self):
        stream = io.StringIO()
        watch(Progress(stream), [5])
        assert stream.getvalue() == (
            " 50% step 5, 64x43 (2/2): total 1.667, content 0.25, style 1e-09, "
            "variation 0.6667, 0:02 left\n"
        )


class TestProgressOnATerminal:
    def test_is_one_bar_that_ends_full_and_with_a_new_line(self):
        stream = Terminal()
        watch(Progress(stream), range(STEPS + 1))
        shown = stream.getvalue()
        assert shown.count("\n") == 1
        last = shown.rstrip("\n").rsplit("\r", 1)[-1]
        assert last.startswith("100%")
        assert "step 10, 64x43 (2/2): total 0.9091" in last

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            (30, "0:02 left"),
            (60, "0:02 left, step 5, 64x43 (2/2)"),
            (65, "0:02 left, step 5, 64x43 (2/2): total 1.667"),
            (0, "0:02 left, step 5, 64x43 (2/2): total 1.667, content 0.25"),
        ],
    )
    def test_drops_what_does_not_fit(self, monkeypatch, columns, expected):
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr(os, "get_terminal_size", lambda _: size)
        stream = Terminal()
        stream.fileno = lambda: 2
        watch(Progress(stream), [5])
        shown = stream.getvalue().rstrip("\n").rsplit("\r", 1)[-1]
        assert shown.rstrip() == f" 50% ######       {expected}"

    def test_is_shown_on_a_terminal_of_unknown_size(self):
        ours, theirs = pty.openpty()  # 0 x 0
        with os.fdopen(theirs, "w") as stream:
            watch(Progress(stream), [5])
        assert "step 5" in os.read(ours, 4096).decode()
        os.close(ours)

    def test_tiles_come_before_the_losses(self):
        stream = Terminal()
        progress = Progress(stream)
        progress(make_step(5))
        progress._bar._bar.mininterval = 0
        progress.tile(3, 24)
        progress.close()
        assert "(2/2), on tile 3 of 24" in stream.getvalue()

    def test_a_resumed_one_begins_where_it_is(self):
        stream = Terminal()
        watch(Progress(stream), [7])
        assert " 70%" in stream.getvalue()

    def test_is_left_in_order_before_the_first_step(self):
        stream = Terminal()
        Progress(stream).close()
        assert stream.getvalue().endswith("\n")


class TestWords:
    def test_describe(self):
        assert describe(make_step(0)) == (
            "step 0, 64x43 (2/2): total 10, content 0.25, style 1e-09, variation 0.6667"
        )

    @pytest.mark.parametrize(
        ("seconds", "progress", "expected"),
        [
            (0, 0, ""),
            (5, 0.01, ""),
            (60, 0.5, "1:00 left"),
            (65, 0.5, "1:05 left"),
            (36, 0.1, "5:24 left"),
            (1e5, 0.5, "1666:40 left"),
            (60, 1.0, ""),
        ],
    )
    def test_time_left(self, seconds, progress, expected):
        assert time_left(progress, seconds) == expected


class TestSnapshots:
    def test_are_taken_every_so_many_steps(self, tmp_path):
        observe = Snapshots(tmp_path / "snapshots", 4)
        for number in range(STEPS + 1):
            observe(make_step(number))
        names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
        assert names == ["step_000000.png", "step_000004.png", "step_000008.png"]
        picture = load_image(tmp_path / "snapshots" / "step_000004.png")
        np.testing.assert_allclose(picture, np.full((4, 6, 3), 0.4), atol=0.5 / 255)

    def test_make_no_folder_and_fetch_no_picture_before_they_are_due(self, tmp_path):
        observe = Snapshots(tmp_path / "snapshots", 4)
        observe(make_step(3, image=lambda: pytest.fail("not due")))
        assert not (tmp_path / "snapshots").exists()


class TestStillness:
    @staticmethod
    def said(totals, recwarn):
        from tfstyle.objective.whole import Losses

        observe = Stillness()
        for number, total in enumerate(totals):
            losses = Losses(total, 0.0, 0.0, 0.0)
            observe(make_step(number, losses=losses, last=number == len(totals) - 1))
        return [str(each.message) for each in recwarn]

    def test_a_run_that_stops_moving(self, recwarn):
        (message,) = self.said([3.0, 2.0, *[1.0] * 30], recwarn)
        assert "has been 1 since step 2" in message

    def test_a_run_that_never_moves(self, recwarn):
        (message,) = self.said([1.0, 1.0], recwarn)
        assert "has been 1 since step 0" in message

    def test_nothing_of_others(self, recwarn):
        assert not self.said([5.0, 4.0, 4.0, 4.0, 3.0, 3.0], recwarn)
        assert not self.said([5.0], recwarn)


REST = ("float32", 4.0, 1.0, {"image": np.zeros((1, 2, 3, 3), np.float32)})


class TestCheckpoints:
    def test_are_saved_every_so_many_seconds_of_the_run(self, tmp_path):
        path = tmp_path / "checkpoint.npz"
        config = StyleConfig().with_overrides({"output.checkpoint_every": 10})
        observe, saved = Checkpoints(path, config), []
        for number, seconds in enumerate((1, 9, 11, 20, 21.5, 22, 90)):
            checkpoint = Checkpoint(0, number, number, seconds, *REST)
            observe(
                make_step(
                    number, seconds=seconds, checkpoint=lambda each=checkpoint: each
                )
            )
            if path.exists():
                saved.append(load_checkpoint(path, config).step)
        assert saved == [0, 0, 2, 2, 4, 4, 6]  # the step of the last one

    def test_at_each_new_size(self, tmp_path):
        config, saved = StyleConfig(), []
        observe = Checkpoints(tmp_path / "checkpoint.npz", config)
        for number, scale in enumerate((0, 0, 1, 1, 2)):
            observe(
                make_step(
                    number,
                    seconds=number,
                    scale=scale,
                    checkpoint=lambda each=number: (
                        saved.append(each) or Checkpoint(0, each, each, 0.0, *REST)
                    ),
                )
            )
        assert saved == [0, 2, 4]

    def test_slow_ones_are_rarer(self, tmp_path, monkeypatch):
        clock, saved = [0.0], []

        def save(path, checkpoint, config, pictures):
            clock[0] += 5  # seconds: 1.5 % of 333
            saved.append(checkpoint.step)

        monkeypatch.setattr("tfstyle.runs.observers.save_checkpoint", save)
        monkeypatch.setattr("time.perf_counter", lambda: clock[0])
        config = StyleConfig().with_overrides({"output.checkpoint_every": 10})
        observe = Checkpoints(tmp_path / "checkpoint.npz", config)
        for number, seconds in enumerate((1, 11, 30, 200, 340, 341, 700)):
            checkpoint = Checkpoint(0, number, number, seconds, *REST)
            observe(
                make_step(
                    number, seconds=seconds, checkpoint=lambda each=checkpoint: each
                )
            )
        assert saved == [0, 4, 6]  # at 1 s, and 333 s later each time

    def test_each_step_if_there_is_no_time_between(self, tmp_path):
        config = StyleConfig().with_overrides({"output.checkpoint_every": 0})
        path = tmp_path / "checkpoint.npz"
        observe = Checkpoints(path, config)
        for number in range(3):
            checkpoint = Checkpoint(0, number, number, 0.0, *REST)
            observe(make_step(number, seconds=0, checkpoint=lambda c=checkpoint: c))
            assert load_checkpoint(path, config).step == number
