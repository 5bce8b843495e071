"""tfstyle.system.cluster: which process this is, as TF_CONFIG says."""

import pytest

from tfstyle.system.cluster import worker, workers

ONE_OF_TWO = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 1}}'


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_one_process_alone(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert (workers(), worker()) == ([], 0)


def test_one_of_two(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", ONE_OF_TWO)
    assert (workers(), worker()) == (["a:1", "b:1"], 1)


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[1]", "5", '{"cluster": 5}', '{"task": {"index": "x"}}'),
        '{"cluster": {"worker": ["a:1"]}, "task": {"index": 1}}',
        '{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"index": 0}}',
        '{"cluster": {"worker": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_what_is_no_cluster_of_workers_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    for call in (worker, workers):
        with pytest.raises(ValueError, match=r"TF_CONFIG is .*; unset it"):
            call()
