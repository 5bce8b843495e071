"""tfstyle.system.memory: what a run may take, of the machine or of its GPUs."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import tensorflow as tf

from tfstyle.system import memory
from tfstyle.system.memory import memory_limit_gib, peak_memory_gib

GIB = 2**30


class TestMachine:
    def test_a_limit_that_is_given(self):
        assert memory_limit_gib(3.5) == 3.5

    def test_four_fifths_of_what_is_free_or_held(self, monkeypatch, tmp_path):
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [])
        monkeypatch.setattr(memory, "GROUP", tmp_path)
        free = SimpleNamespace(available=7 * GIB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
        monkeypatch.setattr(memory, "_held_gib", lambda: 3.0)
        assert memory_limit_gib() == pytest.approx(8)

    def test_within_the_machine(self):
        assert 0.1 < memory_limit_gib() < psutil.virtual_memory().total / GIB

    def test_of_a_control_group(self, monkeypatch, tmp_path):
        monkeypatch.setattr(memory, "GROUP", tmp_path)
        free = SimpleNamespace(available=7 * GIB)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
        (tmp_path / "memory.current").write_text(f"{3 * GIB}\n")
        (tmp_path / "memory.stat").write_text(f"anon 9\ninactive_file {GIB}\n")
        (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
        assert memory._free_gib() == pytest.approx(2)
        for unlimited in (f"{64 * GIB}\n", "max\n"):
            (tmp_path / "memory.max").write_text(unlimited)
            assert memory._free_gib() == pytest.approx(7)

    def test_what_is_held_is_that_of_this_process(self):
        before = memory._held_gib()
        array = np.ones(2**25)
        assert memory._held_gib() - before == pytest.approx(0.25, abs=0.05)
        assert array.size


class TestPeak:
    def test_is_at_least_what_is_held(self):
        assert peak_memory_gib() >= 0.99 * memory._held_gib() > 0

    def test_counts_nothing_of_the_parent(self):
        code = (
            "from tfstyle.system.memory import peak_memory_gib as peak; print(peak())"
        )
        array = np.ones(2**26)
        said = subprocess.check_output([sys.executable, "-c", code], text=True)
        assert 0 < float(said) < array.nbytes / GIB

    def test_rises_and_does_not_fall(self):
        code = (
            "import numpy as np\n"
            "from tfstyle.system.memory import peak_memory_gib as peak\n"
            "before = peak(); np.ones(2**25); print(peak() - before)"
        )
        said = subprocess.check_output([sys.executable, "-c", code], text=True)
        assert float(said) == pytest.approx(0.25, abs=0.02)


class Machine:
    """GPUs as nvidia-smi and TensorFlow tell of them.

    Attributes:
        cards: (uuid, name, free MiB, total MiB) in the order of nvidia-smi.
        seen: (physical number, name) of those that TensorFlow sees.
        used: (current, peak) GiB in use by TensorFlow, by logical number.
        grows: whether TensorFlow takes memory as it needs it.
    """

    def __init__(self):
        self.cards = [("GPU-aaa", "A100", 20 * 1024, 40 * 1024)]
        self.seen = [(0, "A100")]
        self.used = {}
        self.grows = True

    def smi(self, command, **_):
        assert command[0] == "nvidia-smi"
        columns = command[1].removeprefix("--query-gpu=").split(",")
        assert columns == ["index", "uuid", "name", "memory.free", "memory.total"]
        lines = [", ".join(map(str, (k, *card))) for k, card in enumerate(self.cards)]
        return SimpleNamespace(stdout="\n".join(lines) + "\n")

    def gpus(self, kind):
        return [
            SimpleNamespace(name=f"/physical_device:{kind}:{number}", model=name)
            for number, name in self.seen
        ]

    def memory_info(self, device):
        current, peak = self.used.get(int(device.removeprefix("GPU:")), (0, 0))
        return {"current": int(current * GIB), "peak": int(peak * GIB)}


@pytest.fixture
def machine(monkeypatch):
    """A machine with one GPU of 40 GiB, of which 20 are free."""
    machine, config = Machine(), tf.config.experimental
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.setattr(memory, "_most_gib", {})
    monkeypatch.setattr(subprocess, "run", machine.smi)
    monkeypatch.setattr(tf.config, "get_visible_devices", machine.gpus)
    monkeypatch.setattr(config, "get_memory_info", machine.memory_info)
    monkeypatch.setattr(config, "get_memory_growth", lambda gpu: machine.grows)
    monkeypatch.setattr(
        config, "get_device_details", lambda gpu: {"device_name": gpu.model}
    )
    return machine


class TestGpu:
    def test_four_fifths_of_what_is_free(self, machine):
        assert memory_limit_gib() == pytest.approx(16)

    @pytest.mark.parametrize(
        "error",
        [
            FileNotFoundError("nvidia-smi"),
            subprocess.CalledProcessError(9, "nvidia-smi"),
            subprocess.TimeoutExpired("nvidia-smi", 10),
        ],
    )
    def test_the_machine_s_where_nothing_tells(self, machine, monkeypatch, error):
        def fail(*_, **__):
            raise error

        monkeypatch.setattr(subprocess, "run", fail)
        assert memory._gpu_gib() is None
        assert memory_limit_gib() > 0

    def test_the_machine_s_where_they_share_it(self, machine):
        """Small boards have one memory for both."""
        machine.cards = [("GPU-aaa", "A100", "[N/A]", "[N/A]")]
        assert memory._gpu_gib() is None


class TestWhichGpu:
    @pytest.fixture
    def three(self, machine):
        """Three GPUs of one kind with 10, 20 and 30 GiB free."""
        machine.cards = [
            (f"GPU-{letter}", "A100", gib * 1024, 40 * 1024)
            for letter, gib in (("aaa1", 10), ("bbb2", 20), ("ccc3", 30))
        ]
        return machine

    @pytest.mark.parametrize(
        ("visible", "count", "least"),
        [
            (None, 3, 10),
            ("1", 1, 20),
            ("2,1", 2, 20),
            ("2", 1, 30),
            ("2,-1,0", 1, 30),
            ("GPU-ccc3", 1, 30),
            ("GPU-b", 1, 20),
            ("GPU-ccc3, GPU-bbb2", 2, 20),
            ("MIG-unknown", 1, 10),
        ],
    )
    def test_those_that_are_visible(self, three, monkeypatch, visible, count, least):
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        three.seen = [(number, "A100") for number in range(count)]
        assert memory._gpu_gib() == pytest.approx(least)

    def test_those_that_the_program_left_to_tensorflow(self, three, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2,1")
        three.seen = [(1, "A100")]
        assert memory._gpu_gib() == pytest.approx(30)

    def test_of_its_kind_where_cuda_counts_the_fastest_first(self, machine):
        machine.cards = [
            ("GPU-a", "GT 1030", 1024, 2048),
            ("GPU-b", "A100", 30 * 1024, 40 * 1024),
        ]
        assert memory._gpu_gib() == pytest.approx(30)


class TestHeldOnGpu:
    def run(self, machine, took, peak, current=0.0):
        """Let TensorFlow take so much from the card, and use so much of that."""
        uuid, name, free, total = machine.cards[0]
        machine.cards = [(uuid, name, free - took * 1024, total)]
        machine.used = {0: (current, peak)}

    @pytest.mark.parametrize(("took", "peak"), [(6, 6), (9, 5), (20, 11)])
    def test_a_second_run_gets_as_much(self, machine, took, peak):
        first = memory_limit_gib()
        self.run(machine, took, peak)
        assert memory_limit_gib() == pytest.approx(first)

    def test_but_for_what_the_program_uses(self, machine):
        self.run(machine, 10, 8, current=4)
        assert memory._gpu_gib() == pytest.approx(10 + 8 - 4)

    def test_but_for_what_others_have_taken_since(self, machine):
        memory_limit_gib()
        self.run(machine, 20, 2)
        assert memory._gpu_gib() == pytest.approx(4)

    @pytest.mark.parametrize(("forced", "found"), [(None, 37), ("true", 6)])
    def test_a_pool_of_the_whole_card(self, machine, monkeypatch, forced, found):
        """As TensorFlow takes it where the program started the GPU without growth."""
        if forced:
            monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", forced)
        machine.grows = None
        self.run(machine, 15, 4, current=3)
        assert memory._gpu_gib() == pytest.approx(found)

    def test_an_allocator_that_does_not_count(self, machine, monkeypatch):
        def refuse(device):
            raise ValueError("Allocator stats not available")

        monkeypatch.setattr(tf.config.experimental, "get_memory_info", refuse)
        assert memory._gpu_gib() == pytest.approx(20)
