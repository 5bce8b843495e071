"""SIGINT (Ctrl-C), SIGTERM, SIGHUP: the first asks a run to stop, the next ends it."""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first of these signals into a question: was the run asked to stop?

    The second one ends the process at once. Files are then as they were last written.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread may handle signals
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
    with _exit_at_second(before):
        try:
            yield lambda: bool(asked)
        finally:
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
