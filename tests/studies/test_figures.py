"""Feature maps, films and recognition: what the studies draw beside the grids."""

import csv

import numpy as np
import pytest
from PIL import Image

from tfstyle.api import Stop
from tfstyle.config import StyleConfig
from tfstyle.engine.inputs import Inputs
from tfstyle.images import load_image
from tfstyle.runs import job
from tfstyle.studies import recognition
from tfstyle.studies.feature_maps import as_grey, draw_feature_maps
from tfstyle.studies.film import make_film

CONFIG = StyleConfig().with_overrides(
    {
        "styles": [{}],
        "size": 32,
        "objective.content_layers": {"block4_conv2": 1},
        "objective.style_layers": {"block1_conv1": 1},
        "pyramid": {"min_size": 16, "steps": [5]},
        "precision": "float32",
    }
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo):
    folder = tmp_path_factory.mktemp("maps")
    draw_feature_maps(StyleConfig(size=64), photo, "block1_conv1", None, folder)
    return folder


class TestFeatureMaps:
    def test_white_is_large(self):
        grey = as_grey(np.array([[-1.0, 0.0, 2.0, 4.0]], np.float32))
        np.testing.assert_array_equal(grey[0, :, 0], [0, 0, 0.5, 1])
        np.testing.assert_array_equal(grey[..., 0], grey[..., 2])

    def test_a_silent_map_is_black(self):
        assert as_grey(np.zeros((2, 2), np.float32)).max() == 0

    def test_there_are_eight_rows_of_eight(self, folder):
        sheet = load_image(folder / "sheet.png")
        dark = sheet.mean(axis=-1) < 0.5
        columns = np.flatnonzero(np.diff(dark[150:].any(axis=0).astype(int)) == 1)
        assert len(columns) >= 8

    def test_the_table_has_the_features(self, folder, vgg, photo):
        with open(folder / "results.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        maps = np.asarray(vgg(photo[None])["block1_conv1"])[0]
        assert len(rows) == 64
        means = [float(row["mean"]) for row in rows]
        np.testing.assert_allclose(means, maps.mean(axis=(0, 1)), rtol=1e-4, atol=1e-4)

    def test_one_map(self, tmp_path, photo):
        draw_feature_maps(StyleConfig(size=64), photo, "block2_conv1", 7, tmp_path)
        assert load_image(tmp_path / "sheet.png").shape[1] < 600

    @pytest.mark.parametrize(
        ("layer", "channel", "complaint"),
        [
            ("block1_conv9", None, "no layer"),
            ("block1_conv1", 64, "choose 0 to 63"),
            ("block5_conv1", -1, "choose 0 to 511"),
            ("block5_pool", None, "at least 32 x 32"),
        ],
    )
    def test_mistakes(self, tmp_path, photo, layer, channel, complaint):
        with pytest.raises(ValueError, match=complaint):
            draw_feature_maps(
                StyleConfig(size=32), photo, layer, channel, tmp_path / "out"
            )
        assert not (tmp_path / "out").exists()


class TestFilms:
    def test_the_study(self, tmp_path, tiny_vgg19, photo, painting):
        config = CONFIG.with_overrides({"output.film": "webp"})
        inputs = Inputs(photo, [painting])
        sheet, film = make_film(config, inputs, tmp_path / "out")
        with Image.open(film) as pictures:
            assert pictures.n_frames == 11  # the start and ten steps
            assert pictures.size == (32, 22)
        with open(tmp_path / "out/results.csv", encoding="utf-8") as file:
            steps = [int(row["step"]) for row in csv.DictReader(file)]
        assert steps == [0, 4, 5, 8, 10]
        assert {path.name for path in (tmp_path / "out").iterdir()} == {
            *("sheet.png", "results.csv", "run"),
        }
        before = sheet.stat().st_mtime_ns
        make_film(config, inputs, tmp_path / "out")
        assert sheet.stat().st_mtime_ns == before

    def test_the_study_goes_on_where_it_was_interrupted(
        self, tmp_path, tiny_vgg19, photo, painting, monkeypatch
    ):
        config = CONFIG.with_overrides({"output.film": "gif"})
        inputs = Inputs(photo, [painting])
        whole = make_film(config, inputs, tmp_path / "whole")
        observers = job._observers

        def stop(step):
            if step.step == 6:
                raise Stop

        with monkeypatch.context() as patch:
            patch.setattr(job, "_observers", lambda *at: [*observers(*at), stop])
            with pytest.raises(KeyboardInterrupt):
                make_film(config, inputs, tmp_path / "out")
        resumed = make_film(config, inputs, tmp_path / "out")
        for ours, theirs in zip(resumed, whole, strict=True):
            assert ours.read_bytes() == theirs.read_bytes()

    def test_the_strip_is_drawn_after_all_where_only_that_is_missing(
        self, tmp_path, tiny_vgg19, photo, painting, monkeypatch
    ):
        config = CONFIG.with_overrides({"output.film": "gif"})
        inputs = Inputs(photo, [painting])
        with monkeypatch.context() as patch:
            patch.setattr("tfstyle.studies.film.draw_strip", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                make_film(config, inputs, tmp_path / "out")
        monkeypatch.setattr("tfstyle.studies.film.run_or_resume", pytest.fail)
        sheet, _ = make_film(config, inputs, tmp_path / "out")
        assert sheet.is_file()


class TestRecognition:
    """With a small random network: the real one is a download of 575 MB."""

    @pytest.fixture
    def classifier(self):
        import keras

        keras.utils.set_random_seed(0)
        return keras.Sequential(
            [
                keras.Input((224, 224, 3)),
                keras.layers.AveragePooling2D(32),
                keras.layers.Flatten(),
                keras.layers.Dense(1000, activation="softmax"),
            ]
        )

    @pytest.fixture
    def names(self, monkeypatch):
        from keras.src.applications import imagenet_utils

        names = {str(i): [f"n{i:08}", f"class_{i}"] for i in range(1000)}
        monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", names)

    def test_the_likeliest_come_first(self, photo, classifier, names):
        import keras

        from tfstyle.images import cover

        guesses = recognition.recognize(photo, 5, classifier)
        pixels = 255 * cover(photo, 224, 224)[None]
        inputs = keras.applications.vgg19.preprocess_input(pixels)
        probabilities = np.asarray(classifier(inputs))[0]
        order = np.argsort(-probabilities)[:5]
        assert [guess.name for guess in guesses] == [f"class_{i}" for i in order]
        np.testing.assert_allclose(
            [guess.probability for guess in guesses], probabilities[order], rtol=1e-5
        )

    def test_without_a_network_the_message_says_what_to_do(self, photo, monkeypatch):
        import keras

        def fail(**_):
            raise OSError("URL fetch failure")

        monkeypatch.setattr(keras.applications, "VGG19", fail)
        with pytest.raises(ValueError, match=r"575 MB\): URL fetch failure; run this"):
            recognition.recognize(photo)
