"""What fits is computed the fastest way; what does not is refused, with a way out."""

import re

import pytest

from tfstyle.config import StyleConfig, load_config
from tfstyle.memory import make_plan


def plan(side, limit_gib, devices=1, precision="bfloat16", **overrides):
    config = StyleConfig().with_overrides(overrides)
    return make_plan(config, side, side, precision, limit_gib, devices)


class TestChoice:
    def test_the_whole_picture_if_it_fits(self):
        found = plan(512, 8)
        assert found.tile is None
        assert found.optimizer == StyleConfig().optimizer

    def test_tiles_if_it_does_not(self):
        whole = plan(2048, 99).gib
        found = plan(2048, 0.7 * whole)
        assert found.tile == 512
        assert found.gib <= 0.7 * whole < whole

    def test_less_and_less_with_less_memory(self):
        gibs = [plan(4096, limit).gib for limit in (99, 12, 6, 5, 4, 3.2)]
        assert gibs == sorted(gibs, reverse=True)
        assert len(set(gibs)) > 4

    def test_adam_as_the_last_resort(self):
        least = plan(4096, 99, **{"optimizer.name": "adam", "memory.tile": 128}).gib
        assert plan(4096, least + 0.01).optimizer.name == "adam"
        assert plan(4096, 99).optimizer.name == "lbfgs"

    def test_a_history_is_never_longer_than_asked(self):
        for limit in (99, 5, 4, 3.2):
            found = plan(4096, limit, **{"optimizer.history": 4})
            assert found.optimizer.history <= 4

    def test_nothing_fits(self):
        with pytest.raises(ValueError, match=r"raise memory\.limit_gib") as error:
            plan(8192, 3)
        size = int(re.search(r"fits is about (\d+)", str(error.value))[1])
        assert plan(size, 3).gib <= 3
        with pytest.raises(ValueError, match="fits is about"):
            plan(size + size // 32, 3)

    def test_nothing_fits_at_all(self):
        with pytest.raises(ValueError, match="free some"):
            plan(512, 0.1)

    def test_several_devices_share_what_fits_one(self):
        assert plan(2048, 99).tile is None
        assert plan(2048, 99, devices=2).tile == 512
        assert plan(512, 99, devices=2).tile is None


class TestAsked:
    def test_yaml_takes_off_for_false(self, tmp_path):
        path = tmp_path / "whole.yaml"
        path.write_text("memory: {tile: off}")
        assert load_config(path).memory.tile == "off"

    def test_off(self):
        assert plan(2048, 99, **{"memory.tile": "off"}).tile is None
        with pytest.raises(ValueError, match="largest size that fits"):
            plan(4096, 4, **{"memory.tile": "off"})

    def test_a_size(self):
        assert plan(1024, 99, **{"memory.tile": 200}).tile == 200
        assert plan(200, 99, **{"memory.tile": 200}).tile is None

    def test_a_deep_history_costs_its_size(self):
        short, long = (plan(1024, 99, **{"optimizer.history": n}) for n in (10, 30))
        assert long.gib - short.gib == pytest.approx(20 * 2 * 12 / 1024, rel=1e-6)

    def test_float32_takes_more(self):
        assert plan(1024, 99, precision="float32").gib > plan(1024, 99).gib

    def test_shallow_content_is_not_kept_if_memory_is_short(self):
        shallow = {"objective.content_layers": {"block1_conv1": 1}}
        assert plan(4096, 14, **shallow, **{"memory.tile": 512}).keep_content
        assert not plan(4096, 4, **shallow).keep_content
