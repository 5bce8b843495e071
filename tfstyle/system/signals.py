"""SIGINT (Ctrl-C), SIGTERM, SIGHUP: the first asks a run to stop, the next ends it."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator

_outer: list[list[int]] = []  # what the outermost block has heard


def asked_to_stop() -> bool:
    """Return whether a signal came in the `stop_signals` that are open, if any are."""
    return any(_outer)


@contextlib.contextmanager
def stop_signals(patient: bool = False) -> Iterator[Callable[[], bool]]:
    """Turn the first of these signals into a question: was the run asked to stop?

    The second one ends the process at once. Files are then as they were last written.
    Blocks may be nested: an inner one asks what the outermost has heard.

    Args:
        patient: further signals change nothing.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread may handle signals
        return
    if _outer:
        yield asked_to_stop
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    # Closing the terminal is a wish to stop as well, but not after `nohup`.
    closed = getattr(signal, "SIGHUP", None)  # not on Windows
    if closed and signal.getsignal(closed) != signal.SIG_IGN:
        numbers.append(closed)
    before = {
        number: signal.signal(number, lambda number, frame: asked.append(number))
        for number in numbers
    }
    ends = contextlib.nullcontext() if patient else _exit_at_second(before)
    with ends:
        _outer.append(asked)
        try:
            yield lambda: bool(asked)
        finally:
            _outer.remove(asked)
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _exit_at_second(numbers: Collection[int]) -> Iterator[None]:
    """Exit with 130 when the second of these signals arrives, whatever is going on.

    Python's handlers wait while TensorFlow computes, and take two signals for one.
    """
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    earlier = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        count = 0
        while signals := ours.recv(64):
            count += sum(number in numbers for number in signals)
            if count > 1:
                with contextlib.suppress(OSError):
                    os.write(
                        2, b"\ntfstyle: stopped at once; the last checkpoint is there\n"
                    )
                os._exit(130)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        pythons.close()
        thread.join()
        ours.close()
