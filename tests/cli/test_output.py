"""tfstyle.cli.output: where --output leads."""

from pathlib import Path

import pytest
from absl import flags
from absl.testing import flagsaver

from tfstyle.cli import options
from tfstyle.cli.output import output_folder, path_of

FLAGS = flags.FLAGS


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


@pytest.fixture
def output(request):
    with flagsaver.flagsaver(output=request.param):
        yield


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (None, "runs/default"),
        ("results", "results"),
        ("~", "{home}"),
        ("~/results", "{home}/results"),
        ("here/~", "here/~"),
    ],
    indirect=["output"],
)
def test_leads_to(output, expected, home):
    assert options.output_folder is output_folder
    assert output_folder("runs/default") == Path(expected.format(home=home))


@pytest.mark.parametrize("output", [""], indirect=True)
def test_is_not_empty(output):
    with pytest.raises(ValueError, match="--output is empty; give a path, such as a/b"):
        output_folder("a/b")


@pytest.mark.parametrize("output", ["~nobody-of-this-name/x"], indirect=True)
def test_needs_a_home(output):
    with pytest.raises(ValueError, match="no such home folder"):
        output_folder("a/b")


def test_of_another_flag(home):
    with flagsaver.flagsaver(config="~/mine.yaml"):
        assert path_of("config", "default.yaml") == home / "mine.yaml"
