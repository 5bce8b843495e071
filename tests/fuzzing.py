"""Thousands of damaged files: each is read, or refused in one line.

Whoever breaks a file by chance finds what nobody thought of. The cases are drawn from a
seed, so a number names one; each batch runs in a process of its own, which measures the
time and the memory of every case. By hand:

    python tests/fuzzing.py images 3000
    python tests/fuzzing.py configs 2000
    python tests/fuzzing.py controls 2000
"""

import contextlib
import faulthandler
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEED = 20261121
SECONDS, MEBIBYTES = 2.0, 500.0  # allowed for a case
HANG = 60  # seconds after which the batch ends with a traceback
ADDRESS_SPACE = 4 << 30


def run_batch(kind, count):
    """Run a batch in a process of its own; return its report."""
    done = subprocess.run(
        [sys.executable, __file__, kind, str(count)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(done.stdout)
    # Libraries in C may write to the screen what they think of a file.
    assert len(done.stderr.splitlines()) == count, done.stderr[:3000]
    return json.loads(done.stdout)


def check(kind, count):
    report = run_batch(kind, count)
    assert report["failures"] == []
    assert report["read"] + report["refused"] == count
    # Else the mutations are too weak, or too strong, to test anything.
    assert min(report["read"], report["refused"]) > count // 20


def flip(data, rng):
    for _ in range(rng.choice((1, 2, 8, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(data, rng):
    del data[rng.randrange(len(data)) :]


def insert(data, rng):
    place = rng.randrange(len(data))
    data[place:place] = rng.randbytes(rng.choice((1, 2, 16, 300)))


def delete(data, rng):
    place = rng.randrange(len(data))
    del data[place : place + rng.choice((1, 2, 16, 300))]


def swap(data, rng):
    size = rng.choice((4, 16, 100))
    one, two = (rng.randrange(len(data)) for _ in range(2))
    data[one : one + size], data[two : two + size] = (
        data[two : two + size],
        data[one : one + size],
    )


def mutated(data, rng, changes):
    """Return the bytes after one to three changes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        if data:
            rng.choice(changes)(data, rng)
    return bytes(data)


def attempt(read):
    """Return "read", "refused", or what is wrong with how the case ended."""
    try:
        read()
    except ValueError as error:
        line = str(error)
        if isinstance(error.__cause__, MemoryError):
            return "it took too much memory"
        if len(line.splitlines()) != 1 or len(line) > 1000 or not line.isprintable():
            return f"not one clear line: {line[:2000]!r}"
        return "refused"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:500]
    return "read"


def memory(name):
    """Return VmRSS or VmHWM of this process in MiB; 0 where no system tells."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
        return int(line.split()[1]) / 1024
    return 0.0


def forget_peak():
    """Let VmHWM begin anew, so that the next peak is that of one case."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def batch(kind, count):
    """Run the first cases of a kind, and print a report as JSON."""
    if kind == "images":
        from fuzz_pictures import image_cases as cases
    elif kind == "controls":
        from fuzz_controls import control_cases as cases
    else:
        from fuzz_configs import config_cases as cases
    outcomes, failures = {"read": 0, "refused": 0}, []
    slowest, largest = (0.0, ""), (0.0, "")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, read in itertools.islice(cases(Path(folder)), count):
            print(name, file=sys.stderr)  # the last of them, if the process dies
            forget_peak()
            before, start = memory("VmRSS"), time.perf_counter()
            faulthandler.dump_traceback_later(HANG, exit=True)
            outcome = attempt(read)
            faulthandler.cancel_dump_traceback_later()
            seconds = time.perf_counter() - start
            growth = memory("VmHWM") - before
            slowest = max(slowest, (round(seconds, 3), name))
            largest = max(largest, (round(growth, 1), name))
            if outcome in outcomes:
                outcomes[outcome] += 1
            else:
                failures.append(f"{name}: {outcome}")
            if seconds > SECONDS or growth > MEBIBYTES:
                failures.append(f"{name}: {seconds:.2f} s, {growth:.0f} MiB")
    report = {
        **outcomes,
        "seconds": round(time.perf_counter() - began, 1),
        "slowest_seconds": slowest,
        "largest_growth_mib": largest,
        "failures": failures,
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with contextlib.suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    batch(sys.argv[1], int(sys.argv[2]))
