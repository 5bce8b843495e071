"""tfstyle.runs.inputs: pictures are read and checked before anything expensive."""

import numpy as np
import pytest
from input_pictures import ONE_LINE, make_config, noise
from PIL import Image, ImageCms

from tfstyle.config import StyleConfig
from tfstyle.images import Metadata, load_image, save_image
from tfstyle.runs.inputs import load_inputs, load_metadata


def complaint(call, *arguments):
    """Return the one line with which `call` refuses its arguments."""
    with pytest.raises(ValueError, match=ONE_LINE) as error:
        call(*arguments)
    return str(error.value)


class TestLoadInputs:
    @pytest.fixture
    def picture(self, tmp_path):
        """Write a picture of random pixels and return its path."""

        def write(name, height, width):
            save_image(tmp_path / name, noise(height, width))
            return str(tmp_path / name)

        return write

    def test_reads_every_picture_at_its_own_size(self, picture):
        config = make_config(
            **{
                "content.path": picture("content.png", 30, 40),
                "styles": [
                    {"path": picture("a.png", 20, 60)},
                    {"path": picture("b.png", 60, 22)},
                ],
                "init": picture("start.png", 9, 11),
            }
        )
        inputs = load_inputs(config)
        assert inputs.content.shape == (30, 40, 3)
        assert [style.shape for style in inputs.styles] == [(20, 60, 3), (60, 22, 3)]
        assert inputs.start.shape == (9, 11, 3)
        np.testing.assert_allclose(inputs.content, noise(30, 40), atol=0.5 / 255)

    @pytest.mark.parametrize("init", ["content", "noise", "style"])
    def test_a_word_for_init_is_no_picture(self, picture, init):
        path = picture("a.png", 60, 60)
        config = make_config(
            **{"content.path": path, "styles": [{"path": path}], "init": init}
        )
        assert load_inputs(config).start is None

    def test_no_content(self):
        line = complaint(load_inputs, make_config())
        assert line == ("no content picture; give --content PATH or set content.path")

    def test_no_style(self, picture):
        config = make_config(**{"content.path": picture("a.png", 40, 40), "styles": []})
        assert "give --style PATH or set styles" in complaint(load_inputs, config)

    def test_a_style_without_its_path(self, picture):
        path = picture("a.png", 40, 40)
        config = make_config(
            **{"content.path": path, "styles": [{"path": path}, {"weight": 2}]}
        )
        assert "styles.1 has no path" in complaint(load_inputs, config)

    def test_no_style_is_needed_where_style_has_no_weight(self, picture):
        config = make_config(
            **{
                "content.path": picture("a.png", 40, 40),
                "styles": [],
                "objective.style_weight": 0,
            }
        )
        assert load_inputs(config).styles == []

    def test_a_style_is_needed_to_start_from_it(self, picture):
        config = make_config(
            **{
                "content.path": picture("a.png", 40, 40),
                "styles": [],
                "objective.style_weight": 0,
                "init": "style",
            }
        )
        assert "--style PATH" in complaint(load_inputs, config)

    @pytest.mark.parametrize("key", ["content.path", "init"])
    def test_a_missing_file(self, picture, tmp_path, key):
        path = picture("a.png", 40, 40)
        config = make_config(
            **{
                "content.path": path,
                "styles": [{"path": path}],
                key: str(tmp_path / "missing.png"),
            }
        )
        line = complaint(load_inputs, config)
        assert "missing.png: No such file or directory" in line

    def test_a_missing_style(self, picture, tmp_path):
        path = picture("a.png", 40, 40)
        config = make_config(
            **{
                "content.path": path,
                "styles": [{"path": path}, {"path": str(tmp_path / "missing.png")}],
            }
        )
        assert "missing.png: No such file" in complaint(load_inputs, config)

    def test_a_file_that_is_no_picture(self, picture, tmp_path):
        (tmp_path / "text.jpg").write_text("Dear diary,")
        config = make_config(
            **{
                "content.path": str(tmp_path / "text.jpg"),
                "styles": [{"path": picture("a.png", 40, 40)}],
            }
        )
        line = complaint(load_inputs, config)
        assert "text.jpg" in line
        assert "expected a JPEG, PNG, WebP or TIFF picture" in line

    @pytest.mark.parametrize(
        ("weights", "reason"),
        [("missing.h5", "there is no such file"), ("a.png", "expected a Keras")],
    )
    def test_weights_that_are_not_there(self, picture, tmp_path, weights, reason):
        path = picture("a.png", 40, 40)
        config = make_config(
            **{
                "content.path": path,
                "styles": [{"path": path}],
                "extractor.weights": str(tmp_path / weights),
            }
        )
        line = complaint(load_inputs, config)
        assert f"{weights}: {reason}" in line
        assert "extractor.weights=bundled" in line

    def with_pictures(self, picture, **overrides):
        """A config of three pictures: 1200, 1800 and 2000 pixels."""
        return make_config(
            **{
                "content.path": picture("content.png", 30, 40),
                "styles": [{"path": picture("a.png", 30, 60)}],
                "init": picture("start.png", 40, 50),
                **overrides,
            }
        )

    @pytest.mark.parametrize(
        ("megapixels", "name"), [(1e-3, "content"), (1.5e-3, "a"), (1.9e-3, "start")]
    )
    def test_refuses_more_than_max_megapixels(self, picture, megapixels, name):
        config = self.with_pictures(picture, **{"memory.max_megapixels": megapixels})
        line = complaint(load_inputs, config)
        assert f"{name}.png: it has 0.00" in line
        assert f"expected at most {megapixels:g}: make it smaller" in line
        assert "raise memory.max_megapixels" in line

    def test_a_raised_limit_is_above_pillow_s(self, picture, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        config = self.with_pictures(picture, **{"memory.max_megapixels": 2e-3})
        assert load_inputs(config).start.shape == (40, 50, 3)

    def test_a_reader_of_one_s_own_is_told_the_limit(self, picture):
        asked = []

        def load(path, max_megapixels):
            asked.append((path.rpartition("/")[2], max_megapixels))
            return load_image(path, max_megapixels)

        config = self.with_pictures(picture, **{"memory.max_megapixels": 7})
        load_inputs(config, load)
        assert asked == [("content.png", 7), ("a.png", 7), ("start.png", 7)]

    def test_a_plain_content_has_no_metadata(self, picture):
        assert load_metadata(self.with_pictures(picture)) == Metadata()

    def test_arrays_have_no_metadata(self):
        assert load_metadata(StyleConfig()) == Metadata()

    def test_metadata_are_those_of_the_content_and_the_config(self, picture):
        config = self.with_pictures(picture)
        exif = Image.Exif()
        exif[306] = "2024:02:29 12:34:56"
        exif[0x8825] = {1: "N"}
        half = Image.new("RGBA", (40, 30), (255, 0, 0, 128))
        path = config.content.path
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        half.save(path, exif=exif, dpi=(300, 300), icc_profile=srgb)
        dated = load_metadata(config)
        assert (dated.alpha == 128).all()
        assert dated.dpi == pytest.approx((300, 300), rel=1e-3)
        located = load_metadata(config.with_overrides({"output.location": True}))
        assert len(located.exif) > len(dated.exif) > 0
        colored = load_metadata(config.with_overrides({"output.profile": "content"}))
        assert (dated.profile, colored.profile) == (b"", srgb)
