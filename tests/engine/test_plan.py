"""tfstyle.engine.plan: what fits is computed the fastest way; the rest is refused."""

import re

import pytest

from tfstyle.config import StyleConfig, load_config
from tfstyle.engine.plan import Sizes, at_once, halo, make_plan


def plan(side, limit_gib, devices=1, precision="bfloat16", styles=(), **overrides):
    config = StyleConfig().with_overrides(overrides)
    sizes = Sizes(side, side, tuple((each, each) for each in styles))
    return make_plan(config, sizes, precision, limit_gib, devices)


class TestChoice:
    def test_the_whole_picture_if_it_fits(self):
        found = plan(512, 8)
        assert found.tile is None
        assert found.optimizer == StyleConfig().optimizer

    def test_tiles_if_it_does_not(self):
        whole = plan(2048, 99).gib
        found = plan(2048, 0.7 * whole)
        assert found.tile == 1024
        assert plan(1024, 2).tile == 512
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
            plan(round(1.08 * size), 3)

    def test_what_is_needed_is_more_than_what_there_is(self):
        for limit in (1.0, 1.06, 2.449):
            with pytest.raises(ValueError, match="need about") as error:
                plan(8192, limit)
            needed = re.search(r"need about ([\d.]+) GiB", str(error.value))[1]
            assert float(needed) > limit

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


class TestEstimate:
    def test_a_mask_costs_what_stays(self):
        assert plan(2048, 99, **{"keep.mask": "a.png"}).gib == pytest.approx(
            plan(2048, 99).gib + 44 * 2048**2 / 2**30
        )

    def test_photorealism_costs_its_filter(self):
        """Measured in tiles of 256 px at 2048 px: 137 bytes per pixel."""
        assert plan(2048, 99, photorealism=0.5).gib == pytest.approx(
            plan(2048, 99).gib + 136 * 2048**2 / 2**30
        )

    def test_originals_count(self):
        config, sizes = StyleConfig(), Sizes(256, 256)
        more = Sizes(256, 256, originals=2**30)
        small, large = (make_plan(config, each, "float32", 9) for each in (sizes, more))
        assert large.gib - small.gib == pytest.approx(1)

    def test_a_large_style_counts_and_is_tiled(self):
        assert plan(256, 99, styles=[256]).gib == plan(256, 99).gib
        large = plan(256, 99, styles=[2048])
        assert large.gib > plan(256, 99).gib + 2
        assert plan(256, large.gib - 0.1, styles=[2048]).tile == 1024

    def test_a_smaller_size_has_smaller_styles(self):
        sizes = Sizes(400, 600, ((300, 200),), 7).scaled(300)
        assert sizes == Sizes(200, 300, ((150, 100),), 7)

    @pytest.mark.parametrize("layer", ["block1_conv1", "block3_pool", "block5_conv4"])
    def test_the_halo_is_that_of_the_network(self, vgg, layer):
        from tfstyle.vgg.tiles import tile_network

        assert halo([layer]) == tile_network(vgg, [layer]).halo

    @pytest.mark.parametrize("size", [(505, 389), (600, 399), (1030, 200), (64, 900)])
    def test_the_network_sees_a_tile_at_once(self, size):
        from tfstyle.objective.cutting import cut_tiles

        layers = ["block5_conv1"]
        crops = [tile.crop for tile in cut_tiles(*size, 256, halo(layers), 16)]
        largest = max(height * width for _, _, height, width in crops)
        assert largest == pytest.approx(at_once(*size, 256, layers), rel=0.06)
