"""Runs on the tiny twin of VGG19, each in a process of its own.

The processes are forked by one that has imported TensorFlow, which takes seconds, and
has done nothing with it.
"""

import contextlib
import multiprocessing
import os
import resource
import sys
from pathlib import Path

from conftest import make_tiny_network

from tfstyle import run
from tfstyle.system.quiet import quiet_import

with quiet_import():
    from tfstyle.engine import loop  # noqa: F401  # all that a run imports
    from tfstyle.engine.kept import Kept

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


class TinyProcess:
    """A run as `tfstyle ARGUMENTS` would begin it, used as a `subprocess.Popen`.

    Args:
        arguments: of the command line.
        largest: bytes that its files may have.
    """

    def __init__(self, arguments, largest=resource.RLIM_INFINITY):
        self._stdout, out = _context.Pipe(duplex=False)
        self._stderr, err = _context.Pipe(duplex=False)
        command = ["tfstyle", *map(str, arguments)]
        self._process = _context.Process(target=_run, args=(command, out, err, largest))
        with _found_by_python():
            self._process.start()
        out.close()
        err.close()

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def kill(self):
        self._process.kill()

    def send_signal(self, number):
        os.kill(self._process.pid, number)

    def communicate(self, timeout=120):
        """Wait for its end; return what it wrote to stdout and stderr."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, "it has not ended"
        return _all_of(self._stdout), _all_of(self._stderr)


@contextlib.contextmanager
def _found_by_python():
    """Let the first process find this module."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _run(command, out, err, largest):
    for pipe, number in ((out, 1), (err, 2)):
        os.dup2(pipe.fileno(), number)
        pipe.close()  # or the reader would wait for more
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    network = make_tiny_network()
    Kept.network = lambda *_: network
    sys.exit(run.main(command))


def _all_of(pipe):
    with open(pipe.fileno(), encoding="utf-8", closefd=False) as file:
        return file.read()
