"""tfstyle.runs.folder: what may go where, and what becomes of earlier runs."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from tfstyle import StyleConfig
from tfstyle.config import load_config
from tfstyle.runs.folder import (
    check_folder,
    drop_leftovers,
    is_finished,
    opened_folder,
)
from tfstyle.system.files import write_text
from tfstyle.system.locks import locked

ONE_LINE = r"\A[^\n]+\Z"
RESUMABLE = {
    *("result.png", "config.yaml", "log.csv", "run.json"),
    *("checkpoint.npz", "checkpoint.previous.npz"),
}


def files(folder):
    return {path.name for path in folder.iterdir()}


class TestCheckFolder:
    def complaint(self, folder, **options):
        with pytest.raises(ValueError, match=ONE_LINE) as error:
            check_folder(folder, **options)
        return str(error.value)

    @pytest.mark.parametrize("name", [".", "new", "new/and/newer"])
    def test_makes_nothing(self, tmp_path, name):
        check_folder(tmp_path / name)
        assert files(tmp_path) == set()

    def test_relative_ones_are_fine(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        check_folder(Path("runs/new"))
        check_folder(Path("."))
        assert files(tmp_path) == set()

    def test_other_files_do_not_matter(self, tmp_path):
        (tmp_path / "notes.txt").touch()
        check_folder(tmp_path)

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
        check_folder(tmp_path, overwrite=True)
        check_folder(tmp_path, resume=True)
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
        (tmp_path / "frames").mkdir()
        (tmp_path / "frames" / "frame_000000.jpg").touch()
        return tmp_path

    def test_drops_an_earlier_run_but_its_result(self, earlier):
        with opened_folder(earlier, StyleConfig()):
            pass
        assert files(earlier) == {"result.png", "config.yaml", "notes.txt"}
        assert (earlier / "result.png").read_text() == "before"
        assert load_config(earlier / "config.yaml") == StyleConfig()

    def test_drops_no_pictures_of_somebody_s(self, earlier):
        (earlier / "snapshots" / "holiday.jpg").touch()
        with opened_folder(earlier, StyleConfig()):
            pass
        assert files(earlier / "snapshots") == {"holiday.jpg"}

    def test_keeps_a_run_that_is_resumed(self, earlier):
        with opened_folder(earlier, StyleConfig(), resume=True):
            pass
        assert files(earlier) == RESUMABLE | {"notes.txt", "snapshots", "frames"}
        assert files(earlier / "frames") == {"frame_000000.jpg"}
        assert (earlier / "log.csv").read_text() == "before"

    def test_an_error_of_the_run_is_left_as_it_is(self, tmp_path):
        error = OSError(28, "No space left on device")
        opened = opened_folder(tmp_path, StyleConfig())
        with pytest.raises(OSError, match="No space left") as found, opened:
            raise error
        assert found.value is error

    def test_says_what_is_in_the_way(self, tmp_path):
        (tmp_path / "file").touch()
        opened = opened_folder(tmp_path / "file" / "run", StyleConfig())
        with pytest.raises(ValueError, match=ONE_LINE) as error, opened:
            pass
        assert "cannot be made (Not a directory)" in str(error.value)


class TestFinished:
    CONFIG, PICTURES = StyleConfig(seed=5), {"content": "abc"}

    @pytest.fixture
    def finished(self, tmp_path):
        """A finished run that was killed before it could tidy up."""
        record = {"stopped": "finished", "pictures": self.PICTURES}
        (tmp_path / "run.json").write_text(json.dumps(record))
        (tmp_path / "config.yaml").write_text(self.CONFIG.to_yaml())
        for name in ("result.png", "checkpoint.npz", "checkpoint.previous.npz"):
            (tmp_path / name).touch()
        (tmp_path / "frames").mkdir()
        (tmp_path / "frames" / "frame_000000.jpg").touch()
        return tmp_path

    def test_the_question_changes_nothing(self, finished):
        before = files(finished)
        assert is_finished(finished, self.CONFIG, self.PICTURES)
        assert files(finished) == before

    def test_leftovers_are_dropped(self, finished):
        drop_leftovers(finished, self.CONFIG, self.PICTURES)
        assert files(finished) == {"run.json", "config.yaml", "result.png"}

    def test_not_while_another_run_is_there(self, finished):
        before = files(finished)
        with locked(finished), pytest.raises(ValueError, match="in use"):
            drop_leftovers(finished, self.CONFIG, self.PICTURES)
        assert files(finished) == before

    def test_those_of_an_unfinished_run_stay(self, finished):
        record = {"stopped": "interrupted", "pictures": self.PICTURES}
        (finished / "run.json").write_text(json.dumps(record))
        before = files(finished)
        drop_leftovers(finished, self.CONFIG, self.PICTURES)
        assert files(finished) == before
        assert not is_finished(finished, self.CONFIG, self.PICTURES)

    def test_another_config_is_told(self, finished):
        with pytest.raises(ValueError, match="seed: 5 before, 6 now"):
            is_finished(finished, StyleConfig(seed=6), self.PICTURES)
        with pytest.raises(ValueError, match=r"pictures\.content: abc before"):
            is_finished(finished, self.CONFIG, {"content": "def"})

    def test_a_film_that_is_asked_for_afterwards_is_not_there(self, finished):
        config = self.CONFIG.with_overrides({"output.film": "gif"})
        with pytest.raises(
            ValueError, match=r"is finished, without film\.gif"
        ) as error:
            is_finished(finished, config, self.PICTURES)
        assert "start again with --overwrite" in str(error.value)
        (finished / "film.gif").touch()
        assert is_finished(finished, config, self.PICTURES)


class TestWriteText:
    def test_a_failure_leaves_the_one_before(self, tmp_path, monkeypatch):
        path = tmp_path / "config.yaml"
        write_text(path, "before")

        def refuse(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", refuse)
            with pytest.raises(OSError, match="No space left"):
                write_text(path, "after")
        assert path.read_text("utf-8") == "before"
        assert files(tmp_path) == {"config.yaml"}
