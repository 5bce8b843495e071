"""tfstyle.runs.progress: how far a run is, on a terminal and in a file."""

import io
import itertools
import os
import pty
import re
import time

import pytest
from steps import STEPS, make_losses, make_step, watch

from tfstyle.runs.progress import Progress, describe, time_left


class Terminal(io.StringIO):
    """A stream that says it is a screen."""

    def isatty(self):
        return True


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
            "variation 0.6667, 00:02 left\n"
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
            (30, "00:02 left"),
            (60, "00:02 left, step 5, 64x43 (2/2)"),
            (65, "00:02 left, step 5, 64x43 (2/2): total 1.667"),
            (0, "00:02 left, step 5, 64x43 (2/2): total 1.667, content 0.25"),
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
        for number in (4, 5):
            progress(make_step(number))
            for tile in (1, 2, 3):
                time.sleep(0.11)  # the screen is written ten times a second
                progress.tile(tile, 24)
        progress.close()
        shown = stream.getvalue()
        for number, tile in itertools.product((4, 5), (1, 2, 3)):
            assert f"step {number}, 64x43 (2/2), on tile {tile} of 24" in shown

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

    def test_further_losses_are_described_too(self):
        step = make_step(0, losses=make_losses(0, temporal=0.5))
        assert describe(step).endswith("variation 0.6667, temporal 0.5")

    @pytest.mark.parametrize(
        ("seconds", "progress", "expected"),
        [
            (0, 0, ""),
            (5, 0.01, ""),
            (60, 0.5, "01:00 left"),
            (65, 0.5, "01:05 left"),
            (36, 0.1, "05:24 left"),
            (1e5, 0.5, "27:46:40 left"),
            (60, 1.0, ""),
        ],
    )
    def test_time_left(self, seconds, progress, expected):
        assert time_left(progress, seconds) == expected
