"""tfstyle.runs.observers: what watches a run, fed with steps that never were."""

import csv

import numpy as np
import pytest
from steps import STEPS, make_losses, make_state, make_step, watch

from tfstyle.config import StyleConfig
from tfstyle.images import load_image
from tfstyle.runs.checkpoint import load_checkpoint
from tfstyle.runs.observers import Checkpoints, Log, Snapshots, Stalled, read_log

COLUMNS = "step,scale,height,width,seconds,total,content,style,variation"


class TestLog:
    def test_has_a_row_per_step(self, tmp_path):
        watch(Log(tmp_path / "log.csv"), [0, 1])
        assert (tmp_path / "log.csv").read_text("utf-8").splitlines() == [
            COLUMNS,
            "0,1,43,64,0.000,10,0.25,1e-09,0.666666667",
            "1,1,43,64,0.500,5,0.25,1e-09,0.666666667",
        ]

    def test_its_losses_come_back_as_float32(self, tmp_path):
        values = np.float32([1 / 3, 1e-38, 16777217, np.pi * 1e30])
        names = make_losses()
        losses = {k: float(v) for k, v in zip(names, values, strict=True)}
        step = make_step(0, losses=losses)
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
        watch(Log(path), range(resumed, 6))
        with open(path, newline="") as file:
            header, *rows = csv.reader(file)
        assert ",".join(header) == COLUMNS
        assert [int(row[0]) for row in rows] == list(range(6))

    def test_a_resumed_one_drops_a_row_that_was_cut_short(self, tmp_path):
        path = tmp_path / "log.csv"
        watch(Log(path), range(3))
        path.write_text(path.read_text("utf-8")[:-20])
        watch(Log(path), [3])
        rows = path.read_text("utf-8").splitlines()
        assert [row.split(",")[0] for row in rows] == ["step", "0", "1", "3"]

    def test_a_resumed_one_does_without_the_earlier(self, tmp_path):
        watch(Log(tmp_path / "log.csv"), [5])
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
        watch(Log(path), [3])
        assert path.read_text("utf-8").splitlines()[-1].startswith("3,")

    def test_further_losses_stand_after_these(self, tmp_path):
        path = tmp_path / "log.csv"
        watch(Log(path), [0], losses=make_losses(0, temporal=0.5))
        assert path.read_text("utf-8").splitlines() == [
            f"{COLUMNS},temporal",
            "0,1,43,64,0.000,10,0.25,1e-09,0.666666667,0.5",
        ]

    def test_rows_are_kept_where_a_resumed_one_has_further_losses(self, tmp_path):
        path = tmp_path / "log.csv"
        watch(Log(path), range(3))
        watch(Log(path), [2, 3], losses=make_losses(0, temporal=0.5))
        assert [row["step"] for row in read_log(path)] == ["0", "1", "2", "3"]
        assert [row["temporal"] for row in read_log(path)] == ["", "", "0.5", "0.5"]

    def test_one_that_is_closed_before_the_first_step_leaves_nothing(self, tmp_path):
        Log(tmp_path / "log.csv").close()
        assert list(tmp_path.iterdir()) == []


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


class TestStalled:
    @staticmethod
    def said(totals, recwarn):
        observe = Stalled()
        for number, total in enumerate(totals):
            losses = make_losses() | {"total": total}
            observe(make_step(number, losses=losses, last=number == len(totals) - 1))
        return [str(each.message) for each in recwarn]

    def test_a_run_that_stalls(self, recwarn):
        (message,) = self.said([3.0, 2.0, *[1.0] * 30], recwarn)
        assert "has stalled: the objective has been 1 since step 2" in message

    def test_a_run_that_never_gets_anywhere(self, recwarn):
        (message,) = self.said([1.0, 1.0], recwarn)
        assert "has been 1 since step 0" in message

    def test_nothing_of_others(self, recwarn):
        assert not self.said([5.0, 4.0, 4.0, 4.0, 3.0, 3.0], recwarn)
        assert not self.said([5.0], recwarn)


class TestCheckpoints:
    def test_are_saved_every_so_many_seconds_of_the_run(self, tmp_path):
        path = tmp_path / "checkpoint.npz"
        config = StyleConfig().with_overrides({"output.checkpoint_every": 10})
        observe, saved = Checkpoints(path, config), []
        for number, seconds in enumerate((1, 9, 11, 20, 21.5, 22, 90)):
            state = make_state(number, seconds)
            observe(make_step(number, seconds=seconds, state=lambda s=state: s))
            if path.exists():
                saved.append(load_checkpoint(path, config).step)
        assert saved == [0, 0, 2, 2, 4, 4, 6]  # the step of the last one

    def test_at_each_new_size(self, tmp_path):
        config, saved = StyleConfig(), []
        observe = Checkpoints(tmp_path / "checkpoint.npz", config)
        for number, scale in enumerate((0, 0, 1, 1, 2)):

            def state(number=number):
                saved.append(number)
                return make_state(number)

            observe(make_step(number, seconds=number, scale=scale, state=state))
        assert saved == [0, 2, 4]

    def test_slow_ones_are_rarer(self, tmp_path, monkeypatch):
        clock, saved = [0.0], []

        def save(path, state, config, pictures):
            clock[0] += 5  # seconds: 1.5 % of 333
            saved.append(state.step)

        monkeypatch.setattr("tfstyle.runs.observers.save_checkpoint", save)
        monkeypatch.setattr("time.perf_counter", lambda: clock[0])
        config = StyleConfig().with_overrides({"output.checkpoint_every": 10})
        observe = Checkpoints(tmp_path / "checkpoint.npz", config)
        for number, seconds in enumerate((1, 11, 30, 200, 340, 341, 700)):
            state = make_state(number, seconds)
            observe(make_step(number, seconds=seconds, state=lambda s=state: s))
        assert saved == [0, 4, 6]  # at 1 s, and 333 s later each time

    def test_each_step_if_there_is_no_time_between(self, tmp_path):
        config = StyleConfig().with_overrides({"output.checkpoint_every": 0})
        path = tmp_path / "checkpoint.npz"
        observe = Checkpoints(path, config)
        for number in range(3):
            state = make_state(number)
            observe(make_step(number, seconds=0, state=lambda s=state: s))
            assert load_checkpoint(path, config).step == number

    def test_one_of_the_same_step_is_not_saved_again(self, tmp_path):
        asked = []
        observe = Checkpoints(tmp_path / "checkpoint.npz", StyleConfig())
        step = make_step(0, state=lambda: asked.append(0) or make_state(0))
        observe(step)
        observe.save(step)
        assert asked == [0]
