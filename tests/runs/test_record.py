"""tfstyle.runs.record: what a run was, and what of it is published."""

import pytest

from tfstyle.config import StyleConfig
from tfstyle.runs.record import published, scale_records

ROWS = """\
step,scale,height,width,seconds,total,content,style,variation
0,0,11,16,0.100,9,1,1,1
1,0,11,16,0.500,8,1,1,1
2,0,11,16,1.000,7,1,1,1
3,1,22,32,3.000,6,1,1,1
4,1,22,32,5.000,5,1,1,1
"""


class TestScales:
    @pytest.fixture
    def log(self, tmp_path):
        (tmp_path / "log.csv").write_text(ROWS)
        return tmp_path / "log.csv"

    @pytest.mark.parametrize(
        ("steps", "stopped", "ended"),
        [
            ([2, 2], "finished", ["steps", "steps"]),
            ([5, 2], "finished", ["converged", "steps"]),
            ([2, 5], "interrupted", ["steps", "interrupted"]),
        ],
    )
    def test_say_why_each_ended(self, log, steps, stopped, ended):
        config = StyleConfig().with_overrides(
            {"size": 32, "pyramid": {"min_size": 16, "steps": steps}}
        )
        first, last = scale_records(config, stopped, log)
        assert [first["ended"], last["ended"]] == ended
        assert (first["seconds"], last["seconds"]) == (1, 4)
        assert (first["size"], last["total"]) == ([16, 11], 5)

    @pytest.mark.parametrize("damage", ["5,1,2", "5,1,22,32,6.0,4,1,1,1,9", "x\0"])
    def test_rows_that_were_cut_short_are_left_out(self, log, damage):
        log.write_text(ROWS + damage)
        config = StyleConfig().with_overrides(
            {"size": 32, "pyramid": {"min_size": 16, "steps": [2]}}
        )
        assert [each["steps"] for each in scale_records(config, "failed", log)] == [
            2,
            2,
        ]

    def test_a_log_that_is_gone_is_an_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            list(scale_records(StyleConfig(), "finished", tmp_path / "log.csv"))


class TestPublished:
    def test_files_are_named_without_their_folders(self):
        config = StyleConfig().with_overrides(
            {
                "content.path": "/somewhere/jane.doe/photo.jpg",
                "styles": [{"path": "private/a.png"}, {"path": "b.png"}, {}],
                "init": "../start.png",
                "extractor.weights": "/somewhere/jane.doe/vgg19.weights.h5",
                "palette": "private/palette.png",
                "keep.mask": "../mask.png",
                "seed": 7,
            }
        )
        found = published(config)
        assert found.content.path == "photo.jpg"
        assert [style.path for style in found.styles] == ["a.png", "b.png", None]
        assert (found.init, found.seed) == ("start.png", 7)
        assert (found.palette, found.keep.mask) == ("palette.png", "mask.png")
        assert found.extractor.weights == "vgg19.weights.h5"

    def test_so_are_masks(self):
        style = {"path": "a.png", "mask": "jane.doe/b.png", "style_mask": "../c.png"}
        found = published(StyleConfig().with_overrides({"styles": [style]})).styles[0]
        assert (found.mask, found.style_mask) == ("b.png", "c.png")

    def test_words_stay_words_and_files_files(self):
        assert published(StyleConfig(init="noise")) == StyleConfig(init="noise")
        found = published(
            StyleConfig().with_overrides(
                {"init": "mine/noise", "extractor.weights": "mine/bundled"}
            )
        )
        assert (found.init, found.extractor.weights) == ("./noise", "./bundled")
