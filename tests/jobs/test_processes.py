"""Jobs in processes and on a cluster of two nodes: the same bytes, whatever dies."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import CONTENT, ROOT, STYLE

pytestmark = pytest.mark.slow
OPTIONS = (
    *("--size", "64", "--set", "pyramid={min_size: null, steps: [12]}"),
    *("--set", "precision=float32", "--set", "output.checkpoint_every=0"),
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def start(folder, *flags):
    command = [sys.executable, "-m", "tfstyle.batch", "--output", str(folder)]
    pictures = (
        "--contents",
        str(CONTENT),
        "--contents",
        str(ROOT / "examples/content/coffee.png"),
    )
    styles = ("--styles", str(STYLE), "--styles", str(ROOT / "examples/style/wave.jpg"))
    return subprocess.Popen(
        [*command, *pictures, *styles, *OPTIONS, *flags],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, code=0):
    _, errors = process.communicate(timeout=400)
    assert process.returncode == code, errors[-3000:]
    return errors


def pictures(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("*/result.png")}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The pictures of four runs, made one after the other."""
    folder = tmp_path_factory.mktemp("here")
    finish(start(folder))
    found = pictures(folder)
    assert len(found) == 4
    return found


def workers(process):
    """The processes that make jobs, once one of them is at work."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()):
            found.append(child)
    return found


def wait_for(found, seconds=120):
    began = time.monotonic()
    while not found():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)


def test_two_processes(here, tmp_path):
    finish(start(tmp_path, "--jobs", "2"))
    assert pictures(tmp_path) == here


def test_a_killed_worker_and_a_killed_driver(here, tmp_path):
    """Its job goes on from its checkpoint; the driver's, when it is started again."""
    process = start(tmp_path, "--jobs", "2")
    wait_for(lambda: any(tmp_path.glob("*/checkpoint.npz")))
    first, *_ = workers(process)
    first.kill()
    wait_for(lambda: len(pictures(tmp_path)) >= 1)
    left = workers(process)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(each.is_running() for each in left), 20)
    finish(start(tmp_path, "--jobs", "2"))
    assert pictures(tmp_path) == here


def test_an_interrupted_driver_goes_on(here, tmp_path):
    process = start(tmp_path, "--jobs", "2")
    wait_for(lambda: any(tmp_path.glob("*/checkpoint.npz")))
    process.send_signal(signal.SIGINT)
    errors = finish(process, 130)
    assert "interrupted; the same command goes on" in errors
    finish(start(tmp_path))
    assert pictures(tmp_path) == here


@pytest.mark.skipif(sys.platform == "win32", reason="two nodes need Linux or macOS")
def test_two_nodes_of_ray(here, tmp_path):
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    how = ("--num-cpus=1", "--disable-usage-stats", "--object-store-memory=100000000")
    head = ("--head", "--port=6397", "--include-dashboard=false")
    run = {"env": ENVIRONMENT, "check": True, "capture_output": True, "timeout": 120}
    try:
        subprocess.run([*ray, "start", *head, *how], **run)
        subprocess.run([*ray, "start", "--address=127.0.0.1:6397", *how], **run)
        finish(start(tmp_path, "--address", "127.0.0.1:6397", "--cpus", "1"))
    finally:
        subprocess.run([*ray, "stop", "--force"], **run)
    assert pictures(tmp_path) == here
