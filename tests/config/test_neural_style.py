"""tfstyle.config.neural_style and scripts/from_neural_style.py."""

import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

from tfstyle.config import StyleConfig, load_config
from tfstyle.config.neural_style import translate

LEAST = "-style_image a.jpg -content_image b.jpg"


def translated(line):
    config, notes = translate(shlex.split(line))
    return StyleConfig.model_validate(config), notes


class TestTranslate:
    def test_without_flags_it_is_the_recipe(self, configs):
        config, notes = translated(f"th neural_style.lua {LEAST}")
        recipe = load_config(configs / "neural_style.yaml")
        assert notes == []
        for section in ("objective", "extractor", "optimizer", "precision"):
            assert getattr(config, section) == getattr(recipe, section)
        assert config.pyramid.steps == recipe.pyramid.steps
        assert config.pyramid.min_size is None
        assert config.init == "noise"  # as it is there, unless -init image
        assert (config.content.path, config.styles[0].path) == ("b.jpg", "a.jpg")

    def test_several_styles(self):
        line = "-style_image a.jpg,c.jpg -style_blend_weights 3,7 -style_scale 0.5"
        config, _ = translated(f"{line} -content_image b.jpg")
        assert [each.weight for each in config.styles] == [3, 7]
        assert [each.scale for each in config.styles] == [0.5, 0.5]

    def test_all_of_the_objective(self):
        config, _ = translated(
            f"python neural_style.py {LEAST} -content_weight 10 -style_weight 1000 "
            "-tv_weight 0 -content_layers relu2_2,relu4_2 -style_layers relu3_1 "
            "-pooling avg -image_size 256 -num_iterations 50 -seed 7 -init image"
        )
        objective = config.objective
        assert objective.content_layers == {"block2_conv2": 1, "block4_conv2": 1}
        assert objective.style_layers == {"block3_conv1": 1 / 256**2}
        assert (objective.content_weight, objective.style_weight) == (10, 1000)
        assert objective.tv_weight == 0
        assert config.extractor.pooling == "avg"
        assert (config.size, config.pyramid.steps, config.seed) == (256, [50], 7)
        assert config.init == "content"

    def test_adam(self):
        config, _ = translated(f"{LEAST} -optimizer adam -learning_rate 5.1")
        assert config.optimizer.name == "adam"
        assert config.optimizer.learning_rate == pytest.approx(0.02)

    def test_a_start_of_its_own(self):
        config, _ = translated(f"{LEAST} -init image -init_image c.png")
        assert config.init == "c.png"

    def test_what_it_cannot_say_is_named(self):
        _, notes = translated(
            f"{LEAST} -original_colors 1 -normalize_gradients -gpu 0 -backend cudnn"
        )
        assert [note.split()[0] for note in notes] == [
            "-original_colors",
            "-normalize_gradients",
        ]
        assert translated(f"{LEAST} -original_colors 0")[1] == []

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("-style_image a.jpg", "has no -content_image"),
            (f"{LEAST} -style_wieght 3", "did you mean style_weight?"),
            (f"{LEAST} -style_weight much", "-style_weight much: a number is needed"),
            (f"{LEAST} -pooling", "-pooling has no value"),
            (f"{LEAST} -pooling mean", "it should be max or avg"),
            (f"{LEAST} -style_layers relu6_1", "relu1_1 to relu5_4"),
            (f"{LEAST} -style_blend_weights 1,2", "2 numbers for 1 style images"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, line, expected):
        with pytest.raises(ValueError, match=expected):
            translated(line)


def test_the_script_writes_a_config(tmp_path):
    path = tmp_path / "mine.yaml"

    def run(*flags):
        script = str(ROOT / "scripts/from_neural_style.py")
        command = [sys.executable, script, "--output", str(path), *flags]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    done = run("--line", f"{LEAST} -style_weight 7 -original_colors 1")
    assert done.returncode == 0, done.stderr
    assert "-original_colors has no counterpart" in done.stderr
    assert load_config(path).objective.style_weight == 7
    before = path.read_bytes()
    again = run("--line", LEAST)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert path.read_bytes() == before
    assert run("--line", LEAST, "--overwrite").returncode == 0
    assert run().returncode == 2
