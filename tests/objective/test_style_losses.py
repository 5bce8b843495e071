"""What style is matched by, in whole runs: `moments`, and a term made up here."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from conftest import CONTENT, STYLE
from numpy_formulas import features_of, losses_of

import tfstyle
from tfstyle.api import Stop
from tfstyle.config import StyleConfig
from tfstyle.config import objective as of_config
from tfstyle.engine.inputs import Inputs
from tfstyle.images import fit_size, load_image, resize
from tfstyle.objective.losses import channel_sums, mean_square, positions
from tfstyle.objective.term import OfLayer
from tfstyle.objective.terms import STYLE_TERMS
from tfstyle.runs.checkpoint import load_checkpoint
from tfstyle.runs.job import run_job

SIZE = 160
LAYERS = {"block1_conv1": 0.5, "block2_conv1": 0.5, "block4_conv2": 2.0}
OPTIONS = {
    "color_strength": 0,
    "size": SIZE,
    "pyramid": {"min_size": None, "steps": [5]},
    "optimizer.history": 3,
    "precision": "float32",
    "objective.content_layers": {"block4_conv2": 1.0},
    "objective.style_layers": LAYERS,
}


class Means(OfLayer):
    """Style by the mean of each channel alone."""

    def observe(self, seen):
        features = tf.cast(seen.features[self.layer], tf.float32)
        return {"sums": channel_sums(features), "positions": positions(features)}

    def target(self, parts):
        means = tf.cast(parts["sums"] / parts["positions"], tf.float32)
        return {"means": means, "constant": self.constant(mean_square(means))}

    def distance(self, parts, target):
        error = parts["sums"] / parts["positions"] - target["means"]
        return target["constant"] * mean_square(error)


@pytest.fixture
def means(monkeypatch):
    """Let `objective.style_loss` be this term."""
    monkeypatch.setitem(STYLE_TERMS, "means", Means)
    known = [*of_config.STYLE_LOSSES, "means"]
    monkeypatch.setattr(of_config, "STYLE_LOSSES", known)


def at_size(path):
    """The picture as a run of this size sees it."""
    picture = load_image(path)
    return resize(picture, *fit_size(*picture.shape[:2], SIZE))


def stylized(style_loss, tile):
    """The result on the tiny twin, and the losses of its start."""
    first = []
    result = tfstyle.stylize(
        CONTENT,
        STYLE,
        **OPTIONS,
        **{"objective.style_loss": style_loss, "memory.tile": tile},
        on_step=lambda step: first.append(dict(step.losses)),
    )
    return result, first[0]


@pytest.mark.usefixtures("tiny_vgg19")
@pytest.mark.parametrize("tile", ["off", 64])
class TestMoments:
    def test_of_a_run_are_those_of_its_picture(self, tile, tiny_network):
        result, first = stylized("moments", tile)
        assert result.losses["total"] < first["total"]
        assert result.losses["style"] < 0.9 * first["style"]
        chosen = StyleConfig().with_overrides(
            {**OPTIONS, "objective.style_loss": "moments"}
        )
        pictures = result.image, at_size(CONTENT), at_size(STYLE)
        expected = losses_of(tiny_network, chosen.objective, *pictures)
        for name, value in expected.items():
            assert result.losses[name] == pytest.approx(value, rel=1e-4)

    def test_lead_to_another_picture_than_gram(self, tile):
        moments, gram = (stylized(name, tile)[0] for name in ("moments", "gram"))
        assert np.abs(moments.image - gram.image).mean() > 0.005


@pytest.mark.usefixtures("tiny_vgg19")
class TestMomentsInTiles:
    def test_are_those_of_the_whole(self):
        whole, tiled = (stylized("moments", tile)[0] for tile in ("off", 64))
        # Where the gradient is nearly zero, rounding decides where a pixel goes.
        assert np.quantile(np.abs(whole.image - tiled.image), 0.999) < 1e-3
        assert np.abs(whole.image - tiled.image).mean() < 1e-5
        for name, value in whole.losses.items():
            assert tiled.losses[name] == pytest.approx(value, rel=1e-3)


def numpy_means(network, image):
    """The style loss of an image by the means of its channels."""
    found, style = (features_of(network, each) for each in (image, at_size(STYLE)))
    total = 0.0
    for layer, weight in LAYERS.items():
        target = style[layer].mean(0)
        error = found[layer].mean(0) - target
        total += weight * np.mean(error**2) / np.mean(target**2)
    return total


@pytest.mark.usefixtures("tiny_vgg19", "means")
class TestMadeUpTerm:
    @pytest.mark.parametrize("tile", ["off", 64])
    def test_is_minimized(self, tile, tiny_network):
        result, first = stylized("means", tile)
        assert result.losses["style"] < 0.9 * first["style"]
        expected = numpy_means(tiny_network, result.image)
        assert result.losses["style"] == pytest.approx(expected, rel=1e-4)

    def test_in_tiles_leads_to_the_same_picture(self):
        whole, tiled = (stylized("means", tile)[0] for tile in ("off", 64))
        assert np.quantile(np.abs(whole.image - tiled.image), 0.999) < 1e-3
        assert np.abs(whole.image - tiled.image).mean() < 1e-5

    @pytest.mark.parametrize("tile", ["off", 64])
    def test_is_logged_and_resumed(self, tile, tmp_path):
        options = {"objective.style_loss": "means", "memory.tile": tile}
        config = StyleConfig(styles=[{}]).with_overrides({**OPTIONS, **options})
        inputs = Inputs(load_image(CONTENT), [load_image(STYLE)])
        seen = []
        run_job(config, inputs, tmp_path / "whole", observers=[seen.append])
        rows = logged(tmp_path / "whole")
        expected = [step.losses["style"] for step in seen]
        assert [row["style"] for row in rows] == pytest.approx(expected, rel=1e-8)
        assert rows[-1]["style"] < rows[0]["style"]

        folder = tmp_path / "resumed"
        assert run_job(config, inputs, folder, observers=[stop_at(2)]) == "interrupted"
        state = load_checkpoint(folder / "checkpoint.npz", config)
        assert run_job(config, inputs, folder, state, observers=[]) == "finished"
        assert result_of(folder) == result_of(tmp_path / "whole")
        for row, other in zip(logged(folder), rows, strict=True):
            assert {**row, "seconds": 0} == {**other, "seconds": 0}


def stop_at(number):
    """An observer that ends the run after a step."""

    def observe(step):
        if step.step == number:
            raise Stop

    return observe


def result_of(folder):
    """The bytes of the pixels."""
    return load_image(folder / "result.png").tobytes()


def logged(folder):
    """The rows of log.csv."""
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        return [
            {name: float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
