"""tfstyle.system.signals: the first asks, the second ends the process."""

import signal
import subprocess
import sys
import threading
import time
from subprocess import PIPE

import pytest

from tfstyle.system.signals import asked_to_stop, stop_signals

BUSY = """
import hashlib
from tfstyle.system.signals import stop_signals
with stop_signals() as asked:
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)
    print("asked", asked(), flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000_000)
"""


class TestStopSignals:
    def test_the_first_asks_and_the_second_exits_at_once(self):
        """Even amid a call that no Python handler can interrupt."""
        command = [sys.executable, "-c", BUSY]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as busy:
            assert busy.stdout.readline() == "ready\n"
            busy.send_signal(signal.SIGINT)
            assert busy.stdout.readline() == "asked True\n"
            busy.send_signal(signal.SIGTERM)
            assert busy.wait(30) == 130
            assert "stopped at once" in busy.stderr.read()

    @pytest.mark.parametrize("ignored", [False, True])
    def test_a_closed_terminal_asks_unless_that_is_ignored(self, ignored):
        # As after nohup, or as ever: also where these tests themselves run under nohup.
        how = "SIG_IGN" if ignored else "SIG_DFL"
        program = f"import signal; signal.signal(1, signal.{how})"
        program += BUSY.replace("200_000_000", "1")
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as busy:
            assert busy.stdout.readline() == "ready\n"
            busy.send_signal(signal.SIGHUP)
            assert busy.stdout.readline() == f"asked {not ignored}\n"
            assert busy.wait(30) == 0

    def test_two_amid_one_call(self):
        command = [sys.executable, "-c", BUSY.replace("2_000", "200_000")]
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as busy:
            assert busy.stdout.readline() == "ready\n"
            for _ in range(2):
                busy.send_signal(signal.SIGINT)
                time.sleep(0.3)
            assert busy.wait(30) == 130
            assert busy.stdout.read() == ""

    def test_are_left_alone_in_a_thread(self):
        answers = []

        def ask():
            with stop_signals() as asked:
                answers.append(asked())

        before = signal.getsignal(signal.SIGINT)
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        assert answers == [False]
        assert signal.getsignal(signal.SIGINT) is before


def test_an_inner_block_asks_what_the_outermost_heard():
    with stop_signals() as outer:
        signal.raise_signal(signal.SIGINT)
        with stop_signals() as inner:
            assert inner()
        assert outer()
        assert asked_to_stop()
    assert not asked_to_stop()
    with stop_signals() as again:
        assert not again()


def test_a_patient_one_takes_many_for_one():
    with stop_signals(patient=True) as asked:
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        assert asked()
