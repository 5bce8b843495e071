"""tfstyle.config.messages: the line that says what is wrong, and the way out."""

import pytest
from config_files import override_complaint


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("text", "key", "known"),
        [
            ("sze: 64", "sze", "size"),
            ("Size: 64", "Size", "size"),
            ("style: []", "style", "styles"),
            ("content: {pth: a.png}", "content.pth", "path"),
            ("styles: [{path: a.png}, {wieght: 2}]", "styles.1.wieght", "weight"),
            ("extractor: {poling: avg}", "extractor.poling", "pooling"),
            ("objective: {style_wieght: 3}", "objective.style_wieght", "style_weight"),
            (
                "objective: {style_layers: {block1_con1: 1}}",
                "objective.style_layers.block1_con1",
                "block1_conv1",
            ),
            ("optimizer: {learning-rate: 1}", "optimizer.learning-rate", "learning_"),
            ("pyramid: {minsize: 64}", "pyramid.minsize", "min_size"),
            ("output: {snapshots_every: 9}", "output.snapshots_every", "snapshot_"),
        ],
    )
    def test_the_nearest_is_suggested(self, complaint, text, key, known):
        line = complaint(text)
        assert f"{key} is" in line
        assert f"did you mean {known}" in line

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            ("zzz: 1", "content, styles, size, init, seed"),
            ("content: {zzz: 1}", "path"),
            ("styles: [{zzz: 1}]", "path, weight, color, strokes, scale"),
            ("optimizer: {zzz: 1}", "name, history, history_precision"),
            ("objective: {style_layers: {relu4_2: 1}}", "block1_conv1"),
        ],
    )
    def test_the_known_ones_are_listed_if_none_is_near(self, complaint, text, keys):
        assert keys in complaint(text)

    @pytest.mark.parametrize("value", ["true", "false", "3"])
    def test_one_of_an_earlier_version_is_told_its_new_name(self, complaint, value):
        line = complaint(f"content: {{path: a.png, recolor: {value}}}")
        assert "content.recolor is now color_strength" in line
        assert "color_strength=1 for true, 0 for false" in line
        assert line.endswith(override_complaint({"content.recolor": True}))

    def test_others_are_counted(self, complaint):
        assert "(and 2 more)" in complaint("sze: 1\nsede: 2\nobjective: {tv: 3}")


class TestHugeNumbers:
    @pytest.mark.parametrize(
        "value",
        [10**5000, -(10**5000), 10**400, "9" * 5000],
        ids=["huge", "negative", "large", "text"],  # str() refuses the first
    )
    @pytest.mark.parametrize(
        "key", ["size", "seed", "objective.tv_weight", "memory.tile"]
    )
    def test_are_refused(self, key, value):
        line = override_complaint({key: value})
        assert key in line
        assert len(line) < 300
