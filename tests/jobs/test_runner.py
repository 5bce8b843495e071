"""tfstyle.jobs.runner: jobs handed out, whoever makes them."""

import os

import pytest
from small_runs import TINY, make_config

from tfstyle.errors import RunError
from tfstyle.images import save_image
from tfstyle.jobs.job import Done, Job
from tfstyle.jobs.perform import Work, alone
from tfstyle.jobs.runner import TRIES, Preparation, Runner


class Fake:
    """A place whose jobs end as they are told, the last begun first."""

    def __init__(self, slots=2, outcomes=None):
        self.slots, self.outcomes = slots, outcomes or {}
        self.begun, self.under_way, self.stopped, self.closed = [], [], 0, False

    def submit(self, work):
        self.begun.append(work)
        self.under_way.append(work)
        assert len(self.under_way) <= self.slots

    def finished(self):
        work = self.under_way.pop()
        told = self.outcomes.get(work.job.name, ["finished"])
        outcome = told.pop(0) if len(told) > 1 else told[0]
        if outcome == "dies":
            return [work.job.name]
        (work.run).mkdir(parents=True, exist_ok=True)
        save_image(work.run / "result.png", work.inputs.content)
        return [outcome if isinstance(outcome, Done) else Done(work.job.name, outcome)]

    def stop(self):
        self.stopped += 1

    def close(self):
        self.closed = True


@pytest.fixture
def make(tmp_path, photo, painting):
    """Return the runner of some jobs, named a, b, c ..."""
    save_image(tmp_path / "photo.png", photo)
    save_image(tmp_path / "painting.png", painting)

    def runner(place, names="abcd", after=None, **overrides):
        paths = {
            "content.path": str(tmp_path / "photo.png"),
            "styles": [{"path": str(tmp_path / "painting.png")}],
        }
        config = make_config(TINY, paths)
        jobs = [
            Job(
                name,
                config.with_overrides(overrides.get(name, {})),
                (after or {}).get(name),
            )
            for name in names
        ]
        return Runner(jobs, place, Preparation(tmp_path / "out"))

    return runner


def test_all_are_made_once(make):
    place = Fake()
    done = list(make(place))
    assert sorted(each.name for each in done) == ["a", "b", "c", "d"]
    assert {each.stopped for each in done} == {"finished"}
    assert len(place.begun) == 4
    assert place.closed


def test_what_starts_from_another_waits_for_it(make, photo):
    place = Fake(slots=4)
    list(make(place, after={"a": "b", "b": "d"}))
    names = [work.job.name for work in place.begun]
    assert names.index("d") < names.index("b") < names.index("a")
    starts = {work.job.name: work.inputs.start for work in place.begun}
    assert starts["d"] is None
    assert starts["a"].shape == photo.shape


def test_a_bad_picture_fails_alone(make):
    runner = make(Fake(), b={"content.path": "nowhere.png"})
    done = {each.name: each for each in runner}
    assert done["b"].stopped == "failed"
    assert "nowhere.png" in done["b"].error
    assert {done[name].stopped for name in "acd"} == {"finished"}


def test_a_job_goes_on_twice_if_its_maker_dies(make):
    place = Fake(outcomes={"b": ["dies", "dies", "finished"], "c": ["dies"]})
    done = {each.name: each for each in make(place)}
    assert done["b"].stopped == "finished"
    assert done["c"].stopped == "failed"
    assert done["c"].error == f"its process died {TRIES} times"
    assert len(place.begun) == 1 + 3 + TRIES + 1


def test_an_interrupted_one_ends_all(make):
    place = Fake(outcomes={"b": ["interrupted"], "a": ["interrupted"]})
    runner = make(place)
    done = list(runner)
    assert sorted(each.name for each in done) == ["a", "b"]
    assert runner.interrupted
    assert place.stopped == 1


def test_what_is_finished_is_not_handed_out(make, tmp_path, monkeypatch):
    place = Fake()
    earlier = {"b": Done("b", "converged")}
    monkeypatch.setattr(Work, "earlier", lambda self: earlier.get(self.name))
    done = {each.name: each for each in make(place)}
    assert done["b"].stopped == "converged"
    assert {work.name for work in place.begun} == {"a", "c", "d"}


def test_a_place_that_refuses_a_job_fails_it_alone(make):
    class Refusing(Fake):
        def submit(self, work):
            if work.name == "b":
                raise RuntimeError("no room")
            super().submit(work)

    done = {each.name: each for each in make(Refusing())}
    assert done["b"].error == "RuntimeError: no room"
    assert {done[name].stopped for name in "acd"} == {"finished"}


def test_an_error_of_whoever_looks_stops_what_is_under_way(make):
    place = Fake()
    runner = iter(make(place))
    next(runner)
    with pytest.raises(ZeroDivisionError):
        runner.throw(ZeroDivisionError())
    assert (place.stopped, place.closed) == (1, True)


def test_a_full_disk_ends_all_with_a_line(make):
    full = Done("b", "failed", error="No space left on device", full=True)
    place = Fake(outcomes={"b": [full]})
    with pytest.raises(RunError, match=r"No space left.*free some space"):
        list(make(place))
    assert place.closed


def test_a_job_is_no_part_of_what_tf_config_names(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{...}")
    with alone():
        assert "TF_CONFIG" not in os.environ
    assert os.environ["TF_CONFIG"] == "{...}"
