"""tfstyle.system.locks: a folder is used by one process at a time."""

import subprocess
import sys

import pytest

from tfstyle.system import locks
from tfstyle.system.locks import locked

TRY = """
import sys
from pathlib import Path
from tfstyle.system.locks import locked
try:
    with locked(Path(sys.argv[1])):
        print("held")
except ValueError as error:
    print(error)
"""


def try_elsewhere(folder):
    """Lock the folder in another process; return what it says."""
    command = [sys.executable, "-c", TRY, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(locks.fcntl is None, reason="there are no locks on Windows")
def test_another_process_is_refused_until_the_end(tmp_path):
    with locked(tmp_path):
        assert f"output {tmp_path} is in use by another run" in try_elsewhere(tmp_path)
    assert try_elsewhere(tmp_path) == "held\n"


def test_without_locks_nothing_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    with locked(tmp_path), locked(tmp_path):
        pass


def test_a_file_system_without_locks_is_used_all_the_same(tmp_path, monkeypatch):
    if locks.fcntl is None:
        pytest.skip("there are no locks on Windows")

    def refuse(*_):
        raise OSError("no locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with locked(tmp_path):
        pass
