"""tfstyle.images: no full copies beside what is returned."""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tfstyle import images
from tfstyle.images import arrays


def most_memory(call):
    """Return what a call allocates at its peak, in bytes, without Pillow's own."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


SIDE = 1500


@pytest.fixture(scope="module")
def large():
    return np.full((SIDE, SIDE, 3), 0.5, np.float32)


class TestMemory:
    def test_of_rounding_is_the_result_and_a_strip(self, large):
        most = most_memory(lambda: images.to_uint8(large))
        assert most < 3 * SIDE**2 + 4 * 4 * arrays.STRIP

    def test_of_resizing_is_the_result_and_a_few_channels(self, large):
        size = SIDE - 4, SIDE - 4
        most = most_memory(lambda: images.resize(large, *size))
        assert most < (12 + 3 * 4) * SIDE**2

    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    def test_of_reading_is_the_result_and_few_bytes_more(self, tmp_path, mode):
        size = (SIDE, SIDE)
        Image.new(mode, size, (9, 9, 9, 9)[: len(mode)]).save(tmp_path / "a.png")
        most = most_memory(lambda: images.load_image(tmp_path / "a.png"))
        assert most < (12 + 8) * SIDE**2

    def test_of_writing_16_bits_is_the_file_and_a_strip(self, large, tmp_path):
        keep = images.Metadata(deep=True)
        path = tmp_path / "a.png"
        most = most_memory(lambda: images.save_image(path, large, keep=keep))
        assert most < path.stat().st_size * 2 + 8 * 4 * arrays.STRIP
