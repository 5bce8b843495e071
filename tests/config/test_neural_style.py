"""tfstyle.config.neural_style and scripts/from_neural_style.py."""

import shlex
import subprocess
import sys

import pytest
from conftest import ROOT

from tfstyle.config import load_config
from tfstyle.config.neural_style import translate
from tfstyle.config.schema import validate

LEAST = "-style_image a.jpg -content_image b.jpg"
LUA, PORT = "th neural_style.lua", "python neural_style.py"


def translated(line):
    config, notes = translate(shlex.split(line))
    return validate(config), notes


class TestTranslate:
    def test_without_flags_it_is_the_recipe(self, configs):
        config, _ = translated(f"{PORT} {LEAST}")
        recipe = load_config(configs / "neural_style.yaml")
        for section in ("objective", "extractor", "precision", "color_strength"):
            assert getattr(config, section) == getattr(recipe, section)
        assert config.optimizer.history == 100  # as both originals have it
        unlike = {"history": recipe.optimizer.history}
        assert config.optimizer.model_copy(update=unlike) == recipe.optimizer
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
            f"{PORT} {LEAST} -content_weight 10 -style_weight 1000 "
            "-tv_weight 0 -content_layers relu2_2,pool4 -style_layers relu3_1 "
            "-pooling avg -image_size 256 -num_iterations 50 -seed 7 -init image"
        )
        objective = config.objective
        assert objective.content_layers == {"block2_conv2": 1, "block4_pool": 1}
        assert objective.style_layers == {"block3_conv1": 1 / 256**2}
        assert (objective.content_weight, objective.style_weight) == (10, 1000)
        assert objective.tv_weight == 0
        assert config.extractor.pooling == "avg"
        assert (config.size, config.pyramid.steps, config.seed) == (256, [50], 7)
        assert config.init == "content"

    @pytest.mark.parametrize(
        ("program", "rate"),
        [("", 10), (LUA, 10), (PORT, 1), ("python3 /opt/neural_style.py", 1)],
    )
    def test_adam_moves_pixels_of_0_to_255_as_far(self, program, rate):
        adam = translated(f"{program} {LEAST} -optimizer adam")[0].optimizer
        assert adam.name == "adam"
        assert adam.learning_rate == pytest.approx(rate / 255)
        assert adam.epsilon == pytest.approx(255e-8)

    def test_adam_of_a_rate_of_its_own(self):
        config, _ = translated(f"{LEAST} -optimizer adam -learning_rate 5.1")
        assert config.optimizer.learning_rate == pytest.approx(0.02)

    @pytest.mark.parametrize(
        ("flags", "history"),
        [("", 100), ("-lbfgs_num_correction 0", 100), ("-lbfgs_num_correction 20", 20)],
    )
    def test_lbfgs_keeps_as_many_pairs(self, flags, history):
        assert translated(f"{LEAST} {flags}")[0].optimizer.history == history

    def test_a_start_of_its_own(self):
        config, _ = translated(f"{LEAST} -init image -init_image c.png")
        assert config.init == "c.png"

    @pytest.mark.parametrize(
        "flags",
        [
            *("-image_size=256", "-image_size 256.0", "-image_size 2.56e2"),
            "-image_size 99 -image_size 256",
        ],
    )
    def test_numbers_are_read_as_there(self, flags):
        assert translated(f"{LEAST} {flags}")[0].size == 256


class TestNotes:
    """Line by line, what a config cannot say; all else is silent."""

    def test_of_the_original_are_its_start_and_its_variation(self):
        _, (start, variation) = translated(f"{LUA} {LEAST}")
        assert start.startswith("-init random is nearly uniform grey there")
        assert variation.startswith("-tv_weight is of squared differences in")
        assert translated(LEAST)[1] == [start, variation]

    def test_of_the_port_is_its_start(self):
        _, (start,) = translated(f"{PORT} {LEAST}")
        assert start.startswith("-init random is nearly uniform grey there")

    @pytest.mark.parametrize(
        "line",
        [
            f"{PORT} {LEAST} -init image",
            f"{LUA} {LEAST} -init image -tv_weight 0",
            f"{PORT} {LEAST} -init image -original_colors 0 -gpu -1 -backend cudnn "
            "-cudnn_autotune -disable_check -print_iter 0 -save_iter 1 -output_image "
            "x.png -multidevice_strategy 4,7 -model_file models/vgg19-d01eb7cb.pth",
        ],
    )
    def test_there_are_none_of_what_is_the_same(self, line):
        assert translated(line)[1] == []

    @pytest.mark.parametrize(
        ("flags", "expected"),
        [
            ("-normalize_gradients", "has no counterpart and is left out"),
            ("-normalize_weights", "has no counterpart and is left out"),
            ("-original_colors 1", "color: content_luminance is the nearest"),
            ("-model_file models/nin_imagenet.pth", "the network here is VGG19"),
            ("-model_file vgg_normalised.caffemodel", "extractor.normalized: true"),
            ("-lbfgs_num_correction 500", "100 pairs are kept"),
            ("-learning_rate 3", "counts only with -optimizer adam"),
        ],
    )
    def test_name_what_has_no_counterpart(self, flags, expected):
        config, (note,) = translated(f"{PORT} {LEAST} -init image {flags}")
        assert note.startswith(flags.split()[0])
        assert expected in note
        assert config.objective.style_weight == 100

    def test_name_a_start_that_is_not_used(self):
        _, notes = translated(f"{PORT} {LEAST} -init_image c.png")
        assert notes[-1].startswith("-init_image counts only with -init image")

    def test_name_pairs_that_are_not_used(self):
        adam = "-init image -optimizer adam -lbfgs_num_correction 9"
        _, (note,) = translated(f"{PORT} {LEAST} {adam}")
        assert note.startswith("-lbfgs_num_correction counts only with")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "has no -content_image; add it"),
        ("-style_image a.jpg", "has no -content_image; add it"),
        ("-content_image b.jpg", "has no -style_image; add it"),
        ("a.jpg b.jpg", "'b.jpg' is no flag; begin with"),
        (f"{LEAST} c.jpg", "'c.jpg' follows no flag"),
        (f"{LEAST} -style_wieght 3", "did you mean -style_weight?"),
        (f"{LEAST} -style_weight much", "-style_weight 'much': give a number of at"),
        (f"{LEAST} -style_weight nan", "-style_weight 'nan': give a number of at"),
        (f"{LEAST} -style_weight inf", "-style_weight 'inf': give a number of at"),
        (f"{LEAST} -tv_weight -1", "-tv_weight '-1': give a number of at least 0"),
        (f"{LEAST} -image_size 5", "give a whole number of 16 to 65536"),
        (f"{LEAST} -num_iterations 0.5", "give a whole number of 1 to"),
        (f"{LEAST} -style_scale 0", "give a number of 0.01 to 8"),
        (f"{LEAST} -pooling", "-pooling has no value"),
        ("-style_image -content_image b.jpg", "-style_image has no value"),
        (f"{LEAST} -pooling mean", "it should be max or avg"),
        (f"{LEAST} -init noise", "it should be random or image"),
        (f"{LEAST} -optimizer sgd", "it should be lbfgs or adam"),
        (f"{LEAST} -original_colors yes", "it should be 0 or 1"),
        (f"{LEAST} -style_layers relu6_1", "relu1_1 to relu5_4"),
        (f"{LEAST} -style_layers conv4_2", "write relu4_2"),
        (f"{LEAST} -style_blend_weights 1,2", "2 numbers for 1 style images"),
        (f"{LEAST} -style_blend_weights 0", "is all 0"),
        ("-content_image b.jpg -style_image a.jpg,", "an empty path"),
        (
            f"{LEAST} -content_weight 0 -style_weight 0 -tv_weight 0",
            "all weights are zero",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(line, expected):
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as error:
        translated(line)
    assert expected in str(error.value)


def test_the_script_writes_a_config(tmp_path):
    path = tmp_path / "mine.yaml"

    def run(*flags):
        script = str(ROOT / "scripts/from_neural_style.py")
        command = [sys.executable, script, "--output", str(path), *flags]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    done = run("--line", f"{LUA} {LEAST} -style_weight 7 -original_colors 1")
    assert done.returncode == 0, done.stderr
    assert "-original_colors has no counterpart" in done.stderr
    assert "squared differences in neural_style.lua, which a config" in done.stderr
    assert load_config(path).objective.style_weight == 7
    before = path.read_bytes()
    again = run("--line", LEAST)
    assert again.returncode == 2
    assert "--overwrite" in again.stderr
    assert path.read_bytes() == before
    assert run("--line", LEAST, "--overwrite").returncode == 0
    for mistake in (
        *([], ["--line", f"{LEAST} 'c"], ["--line", f"{LEAST} -style_weight nan"]),
        ["--line", LEAST, "--output", str(tmp_path / "no" / "a.yaml")],
    ):
        done = run("--overwrite", *mistake)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("tfstyle: error: ")
        assert done.stderr.count("\n") == 1
