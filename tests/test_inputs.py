"""tfstyle.engine.inputs: pictures are read and checked before anything expensive begins."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from tfstyle.config.schema import StyleConfig
from tfstyle.engine.inputs import (
    Inputs,
    as_picture,
    check_inputs,
    checksums,
    cover,
    load_inputs,
    load_start,
    size_at,
)
from tfstyle.engine.schedule import Scale
from tfstyle.images import Metadata, fit_size, load_image, save_image

ONE_LINE = r"\A[^\n]+\Z"


def noise(height, width):
    return np.random.default_rng(0).random((height, width, 3), np.float32)


def make_config(**overrides):
    """A config that asks for block4_conv1, 8 pixels a side, at 64 px."""
    return StyleConfig().with_overrides(
        {
            "size": 64,
            "pyramid.min_size": None,
            "objective.content_layers": {"block4_conv1": 1},
            "objective.style_layers": {"block1_conv1": 1},
            "styles": [{}],
            **overrides,
        }
    )


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
                    {"path": picture("a.png", 20, 50)},
                    {"path": picture("b.png", 33, 22)},
                ],
                "init": picture("start.png", 9, 11),
            }
        )
        inputs = load_inputs(config)
        assert inputs.content.shape == (30, 40, 3)
        assert [style.shape for style in inputs.styles] == [(20, 50, 3), (33, 22, 3)]
        assert inputs.start.shape == (9, 11, 3)
        np.testing.assert_allclose(inputs.content, noise(30, 40), atol=0.5 / 255)

    @pytest.mark.parametrize("init", ["content", "noise", "style"])
    def test_a_word_for_init_is_no_picture(self, picture, init):
        path = picture("a.png", 40, 40)
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
        assert load_start(config).shape == (40, 50, 3)

    def test_a_reader_of_one_s_own_is_told_the_limit(self, picture):
        asked = []

        def load(path, max_megapixels):
            asked.append((path.rpartition("/")[2], max_megapixels))
            return load_image(path, max_megapixels)

        config = self.with_pictures(picture, **{"memory.max_megapixels": 7})
        load_inputs(config, load)
        assert asked == [("content.png", 7), ("a.png", 7), ("start.png", 7)]

    def test_a_plain_content_has_no_metadata(self, picture):
        assert load_inputs(self.with_pictures(picture)).keep == Metadata()

    def test_metadata_are_those_of_the_content_and_the_config(self, picture):
        config = self.with_pictures(picture)
        exif = Image.Exif()
        exif[306] = "2024:02:29 12:34:56"
        exif[0x8825] = {1: "N"}
        half = Image.new("RGBA", (40, 30), (255, 0, 0, 128))
        path = config.content.path
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        half.save(path, exif=exif, dpi=(300, 300), icc_profile=srgb)
        dated = load_inputs(config).keep
        assert (dated.alpha == 128).all()
        assert dated.dpi == pytest.approx((300, 300), rel=1e-3)
        located = load_inputs(config.with_overrides({"output.location": True})).keep
        assert len(located.exif) > len(dated.exif) > 0
        colored = load_inputs(config.with_overrides({"output.profile": "content"})).keep
        assert (dated.profile, colored.profile) == (b"", srgb)


class TestCheckSizes:
    def test_accepts_the_least_that_the_deepest_layer_needs(self):
        config = make_config(size=16)
        check_inputs(config, Inputs(noise(8, 16), [noise(16, 8)]))

    @pytest.mark.parametrize(
        ("inputs", "expected"),
        [
            (
                Inputs(noise(5, 5), [noise(40, 40)]),
                "the content picture has 5 x 5 pixels, but block4_conv1 needs at "
                "least 8 x 8; use a larger picture",
            ),
            (
                Inputs(noise(40, 40), [noise(7, 90)]),
                "the style picture has 90 x 7 pixels, but block4_conv1 needs",
            ),
        ],
    )
    def test_refuses_small_pictures(self, inputs, expected):
        assert expected in complaint(check_inputs, make_config(), inputs)

    def test_refuses_extreme_ratios_at_the_coarsest_size(self):
        config = make_config(**{"size": 512, "pyramid.min_size": 64})
        strip = Inputs(noise(40, 400), [noise(40, 40)])
        line = complaint(check_inputs, config, strip)
        assert "64 x 6 pixels at the coarsest size" in line
        assert "raise pyramid.min_size" in line
        larger = config.with_overrides({"pyramid.min_size": 80})
        check_inputs(larger, strip)

    def test_refuses_styles_that_their_scale_makes_too_small(self):
        config = make_config(styles=[{"path": "dots.png", "scale": 0.1}])
        line = complaint(check_inputs, config, Inputs(noise(40, 40), [noise(40, 40)]))
        assert "the style picture dots.png is 6 x 6 pixels" in line

    def test_only_layers_with_a_weight_count(self):
        config = make_config(**{"objective.content_weight": 0})
        check_inputs(config, Inputs(noise(5, 5), [noise(1, 9)]))

    def test_without_layers_any_size_will_do(self):
        config = make_config(
            **{"objective.content_weight": 0, "objective.style_weight": 0}
        )
        check_inputs(config, Inputs(noise(1, 1), [noise(1, 1)]))


class TestChecksums:
    def test_name_each_picture_that_is_a_file(self):
        config = make_config(
            **{
                "content.path": "a.png",
                "styles": [{"path": "b.png"}, {"path": "c.png"}],
                "init": "d.png",
            }
        )
        styles = [noise(6, 6), noise(7, 6)]
        found = checksums(Inputs(noise(5, 6), styles, noise(8, 6)))
        assert list(found) == ["content", "init", "styles.0", "styles.1"]
        assert len(set(found.values())) == 4
        config = config.with_overrides({"init": "noise"})
        found = checksums(Inputs(noise(5, 6), styles))
        assert list(found) == ["content", "styles.0", "styles.1"]

    def test_one_pixel_makes_another(self):
        before, after = noise(5, 6), noise(5, 6)
        after[4, 5, 2] += 1e-4
        assert checksums(Inputs(before, [])) == checksums(Inputs(before.copy(), []))
        assert checksums(Inputs(before, [])) != checksums(Inputs(after, []))


class TestAsPicture:
    def test_reads_files(self, content_path):
        assert as_picture(content_path).shape == (300, 451, 3)
        assert as_picture(str(content_path)).dtype == np.float32

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_takes_floats_in_zero_to_one(self, dtype):
        array = np.linspace(0, 1, 4 * 5 * 3).reshape(4, 5, 3).astype(dtype)
        picture = as_picture(array)
        assert picture.dtype == np.float32
        np.testing.assert_array_equal(picture, array.astype(np.float32))

    def test_reads_no_larger_files_than_told(self, content_path):
        line = complaint(as_picture, content_path, 0.1)
        assert "it has 0.1353 megapixels; expected at most 0.1" in line

    def test_takes_nested_lists(self):
        np.testing.assert_array_equal(as_picture([[[0.0, 0.5, 1.0]]]), [[[0, 0.5, 1]]])

    @pytest.mark.parametrize(
        "shape", [(), (4,), (4, 5), (4, 5, 1), (4, 5, 4), (1, 4, 5, 3), (0, 5, 3)]
    )
    def test_refuses_other_shapes(self, shape):
        line = complaint(as_picture, np.zeros(shape))
        assert f"shape {shape} came, (height, width, 3) is expected" in line
        assert "without a batch axis or alpha" in line

    @pytest.mark.parametrize(
        ("array", "came"),
        [
            (np.zeros((4, 4, 3), np.uint8), "uint8 from 0 to 0"),
            (np.full((4, 4, 3), 255.0), "float64 from 255.0 to 255.0"),
            (np.full((4, 4, 3), -0.1, np.float32), "float32 from -0.1"),
        ],
    )
    def test_refuses_other_values(self, array, came):
        line = complaint(as_picture, array)
        assert f"a picture of {came}" in line
        assert "floats in [0, 1] are expected" in line

    def test_one_bad_pixel_is_enough(self):
        array = noise(4, 4)
        array[3, 2, 1] = np.nan
        assert "NaN or infinite pixels" in complaint(as_picture, array)
        array[3, 2, 1] = np.inf
        assert "NaN or infinite pixels" in complaint(as_picture, array)
        array[3, 2, 1] = 1.01
        assert "floats in [0, 1]" in complaint(as_picture, array)

    def test_refuses_other_things(self):
        assert "shape () came" in complaint(as_picture, None)


class TestSizeAt:
    @pytest.mark.parametrize(
        ("shape", "factor", "expected"),
        [
            ((30, 40), 1.0, (48, 64)),
            ((40, 30), 1.5, (96, 72)),
            ((9, 900), 0.5, (1, 32)),
        ],
    )
    def test_scales_the_long_side(self, shape, factor, expected):
        assert size_at(Scale(64, 1), noise(*shape), factor) == expected


class TestCover:
    @pytest.mark.parametrize("size", [(8, 8), (16, 6), (6, 16), (40, 30), (1, 90)])
    def test_fills_the_size(self, size):
        covered = cover(noise(20, 30), *size)
        assert covered.shape == (*size, 3)
        assert covered.dtype == np.float32

    def test_cuts_the_same_from_both_ends(self):
        picture = np.zeros((10, 30, 3), np.float32)
        picture[:, 10:20] = 1
        np.testing.assert_array_equal(cover(picture, 10, 10), np.ones((10, 10, 3)))

    def test_keeps_the_ratio(self):
        y, x = np.mgrid[:60, :40]
        disc = (np.hypot(y - 29.5, x - 19.5) < 6).astype(np.float32)
        covered = cover(np.repeat(disc[..., None], 3, axis=-1), 50, 80)[..., 0] > 0.5
        assert covered.any(axis=0).sum() == pytest.approx(24, abs=1)  # 40 wide to 80
        assert covered.any(axis=1).sum() == pytest.approx(24, abs=1)

    def test_of_the_same_ratio_is_a_resize(self):
        picture = noise(20, 30)
        assert cover(picture, 10, 15).shape[:2] == fit_size(20, 30, 15)
        np.testing.assert_array_equal(cover(picture, 20, 30), picture)
