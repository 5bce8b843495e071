"""tfstyle.runs.checkpoint: written whole or not at all, restored exactly or refused."""

import gc
import json
import os

import numpy as np
import pytest

import tfstyle
from tfstyle.config import StyleConfig
from tfstyle.engine.state import State
from tfstyle.runs import versions
from tfstyle.runs.changes import changed_keys
from tfstyle.runs.checkpoint import load_checkpoint, previous, save_checkpoint

ONE_LINE = r"\A[^\n]+\Z"
CONFIG = StyleConfig(styles=[{"path": "swirls.jpg"}], seed=3)


def make_state(step=7):
    rng = np.random.default_rng(step)
    return State(
        scale=1,
        scale_step=2,
        step=step,
        seconds=12.345678901234567,
        precision="float32",
        loss_scale=1.0,
        limit_gib=4.0,
        optimizer={
            "image": rng.random((1, 4, 5, 3), np.float32),
            "adam/0": np.array(step, np.int64),
            "losses": np.array([np.nan, np.inf, 1e-45, 1], np.float32),
            "converged": np.array(False),
        },
    )


def assert_same(ours, theirs):
    assert ours.optimizer.keys() == theirs.optimizer.keys()
    for name, array in ours.optimizer.items():
        assert theirs.optimizer[name].dtype == array.dtype
        np.testing.assert_array_equal(theirs.optimizer[name], array)
    for name in ("scale", "scale_step", "step", "seconds", "precision"):
        assert getattr(theirs, name) == getattr(ours, name)


def complaint(path, config=CONFIG):
    """Return the one line with which a checkpoint is refused."""
    with pytest.raises(ValueError, match=ONE_LINE) as error:
        load_checkpoint(path, config)
    return str(error.value)


@pytest.fixture
def path(tmp_path):
    """Where the checkpoint of step 7 is."""
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, make_state(), CONFIG)
    return path


def rewrite(path, change):
    """Let `change` edit what a checkpoint says about itself, and its arrays."""
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays.pop("about")))
    change(about, arrays)
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


class TestSave:
    def test_comes_back_exactly(self, path):
        assert_same(make_state(), load_checkpoint(path, CONFIG))

    def test_replaces_the_one_before_and_leaves_nothing_else(self, path):
        save_checkpoint(path, make_state(8), CONFIG)
        assert_same(make_state(8), load_checkpoint(path, CONFIG))
        assert sorted(os.listdir(path.parent)) == [path.name, previous(path).name]
        path.unlink()  # as if killed between the two renames
        assert_same(make_state(7), load_checkpoint(path, CONFIG))

    def test_a_damaged_one_never_replaces_the_good_one_before(self, path, monkeypatch):
        save_checkpoint(path, make_state(8), CONFIG)
        path.write_bytes(b"damaged")
        with pytest.warns(UserWarning, match="resuming from the one before"):
            assert_same(make_state(7), load_checkpoint(path, CONFIG))
        for failing in ("fsync", "replace"):
            with monkeypatch.context() as patch:
                patch.setattr(os, failing, lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    save_checkpoint(path, make_state(9), CONFIG)
            assert_same(make_state(7), load_checkpoint(path, CONFIG))

    @pytest.mark.parametrize("owner, name", [(np, "savez"), (os, "replace")])  # noqa: PT006
    def test_a_failure_leaves_the_one_before(self, path, monkeypatch, owner, name):
        def fail(*arguments, **_):
            if hasattr(arguments[0], "write"):
                arguments[0].write(b"half a checkpoint")
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fail)
            with pytest.raises(OSError, match="No space left"):
                save_checkpoint(path, make_state(8), CONFIG)
        assert_same(make_state(7), load_checkpoint(path, CONFIG))
        assert {*os.listdir(path.parent)} <= {previous(path).name, path.name}

    def test_an_interruption_leaves_the_one_before(self, path, monkeypatch):
        def interrupt(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", interrupt)
            with pytest.raises(KeyboardInterrupt):
                save_checkpoint(path, make_state(8), CONFIG)
        assert_same(make_state(7), load_checkpoint(path, CONFIG))
        assert {*os.listdir(path.parent)} <= {previous(path).name, path.name}


class TestChangedConfig:
    def test_is_refused_with_the_keys(self, path):
        config = CONFIG.with_overrides(
            {
                "seed": 4,
                "objective.tv_weight": 0.5,
                "styles": [{"path": "swirls.jpg", "scale": 2}],
            }
        )
        line = complaint(path, config)
        assert "objective.tv_weight: 5.0 before, 0.5 now" in line
        assert "seed: 3 before, 4 now" in line
        assert "styles.0.scale: 1.0 before, 2.0 now" in line
        assert "undo that, or start again with --overwrite" in line
        assert line.count(" before, ") == 3

    @pytest.mark.parametrize("recolor", [True, False])
    def test_one_of_an_earlier_version_goes_on(self, path, recolor):
        """It knew `content.recolor`, and nothing of what came with its new name."""

        def to_earlier(about, arrays):
            for key in ("color", "color_strength", "palette", "keep"):
                del about["config"][key]
            about["config"]["content"]["recolor"] = recolor

        rewrite(path, to_earlier)
        now = CONFIG.with_overrides({"color_strength": float(recolor)})
        assert_same(make_state(), load_checkpoint(path, now))
        line = complaint(path, CONFIG.with_overrides({"color_strength": 0.5}))
        assert f"color_strength: {float(recolor)} before, 0.5 now" in line
        assert line.count(" before, ") == 1

    def test_paths_may_change(self, path):
        """The pictures are compared, wherever they are."""
        config = CONFIG.with_overrides({"palette": "a.png", "keep.mask": "b.png"})
        pictures = {"palette": "123", "keep.mask": "456"}
        save_checkpoint(path, make_state(), config, pictures)
        moved = config.with_overrides({"palette": "c.png", "keep.mask": "d.png"})
        assert_same(make_state(), load_checkpoint(path, moved, pictures))
        with pytest.raises(ValueError, match=r"pictures\.keep\.mask: '456' before"):
            load_checkpoint(path, moved, {**pictures, "keep.mask": "789"})

    def test_paths_of_masks_may_change(self, path):
        style = {"path": "a.png", "mask": "b.png", "style_mask": "c.png"}
        moved = {key: f"there/{value}" for key, value in style.items()}
        save_checkpoint(path, make_state(), CONFIG.with_overrides({"styles": [style]}))
        found = load_checkpoint(path, CONFIG.with_overrides({"styles": [moved]}))
        assert_same(make_state(), found)

    def test_output_may_change(self, path):
        config = CONFIG.with_overrides(
            {"output.snapshot_every": 5, "output.checkpoint_every": 0}
        )
        assert_same(make_state(), load_checkpoint(path, config))

    def test_changed_keys_names_what_came_and_what_went(self):
        old = {"a": 1, "b": {"c": [1, 2]}, "output": {"film": 1}, "gone": "x"}
        new = {"a": 1, "b": {"c": [1, 3, 4]}, "output": {"film": 2}, "new": None}
        assert changed_keys(old, new) == [
            "b.c.1: 2 before, 3 now",
            "b.c.2: null before, 4 now",
            "gone: x before, null now",
        ]


class TestVersions:
    def test_are_told_where_they_differ(self, path, monkeypatch):
        monkeypatch.setattr(versions, "version", lambda name: "99.0")
        with pytest.warns(UserWarning, match=r"with .*tensorflow 99\.0"):
            load_checkpoint(path, CONFIG)

    def test_a_package_without_metadata_is_unknown(self, path, monkeypatch):
        """As of an uninstalled checkout, or of tensorflow-cpu."""

        def missing(name):
            raise versions.PackageNotFoundError(name)

        monkeypatch.setattr(versions, "version", missing)
        found = versions.versions()
        assert found.pop("tfstyle") == tfstyle.__version__
        assert set(found.values()) == {"unknown"}
        save_checkpoint(path, make_state(8), CONFIG)
        assert_same(make_state(8), load_checkpoint(path, CONFIG))


class TestLayout:
    @pytest.mark.parametrize("layout", [None, 3, "2", []])
    def test_another_one_is_refused_in_a_line(self, path, layout):
        def change(about, _):
            about.pop("layout")
            if layout is not None:
                about["layout"] = layout

        save_checkpoint(path, make_state(8), CONFIG)
        rewrite(path, change)
        line = complaint(path)
        assert f"has layout {1 if layout is None else layout}, this version" in line
        assert "reads layout 2" in line
        assert "the version that wrote it, or start again with --overwrite" in line

    def test_so_is_that_of_the_one_before(self, path):
        rewrite(path, lambda about, _: about.pop("layout"))
        path.rename(previous(path))
        assert "has layout 1" in complaint(path)


class TestRepair:
    @pytest.fixture
    def damaged(self, path):
        """A damaged checkpoint, with a good one before it."""
        save_checkpoint(path, make_state(8), CONFIG)
        path.write_bytes(b"damaged")
        return path

    @pytest.mark.filterwarnings("ignore:.*resuming from the one before")
    def test_puts_the_one_before_in_its_place(self, damaged):
        load_checkpoint(damaged, CONFIG)
        assert os.listdir(damaged.parent) == [damaged.name]
        assert_same(make_state(7), load_checkpoint(damaged, CONFIG))

    @pytest.mark.filterwarnings("ignore:.*resuming from the one before")
    def test_is_left_out_on_demand(self, damaged):
        """As in a dry run."""
        before = {path: path.read_bytes() for path in damaged.parent.iterdir()}
        assert_same(make_state(7), load_checkpoint(damaged, CONFIG, repair=False))
        after = {path: path.read_bytes() for path in damaged.parent.iterdir()}
        assert after == before


class TestDamaged:
    def test_missing(self, tmp_path):
        assert "there is no run in" in complaint(tmp_path / "run" / "checkpoint.npz")
        (tmp_path / "run").mkdir()
        line = complaint(tmp_path / "run" / "checkpoint.npz")
        assert "run has no checkpoint to resume from" in line
        assert "start again with --overwrite" in line

    def test_a_folder(self, tmp_path):
        assert "--overwrite" in complaint(tmp_path)

    @pytest.mark.parametrize(
        "length",
        [
            0,
            1,
            100,
            0.5,
            -10,
        ],
    )
    def test_cut_short(self, path, length):
        data = path.read_bytes()
        if isinstance(length, float):
            length = int(len(data) * length)
        path.write_bytes(data[:length])
        line = complaint(path)
        gc.collect()  # what was left open is an error now, not in a later test
        assert f"checkpoint {path} is damaged" in line
        assert "start again with --overwrite" in line

    def test_text(self, path):
        path.write_text("Dear diary,")
        assert "is damaged" in complaint(path)

    def test_a_flipped_bit(self, path):
        data = bytearray(path.read_bytes())
        start = data.index(make_state().optimizer["image"].tobytes()[:16])
        data[start + 5] ^= 1
        path.write_bytes(data)
        assert "is damaged" in complaint(path)

    def test_a_pickle_is_not_opened(self, path):
        np.savez(path, about=np.array([print], dtype=object))
        assert "is damaged" in complaint(path)

    @pytest.mark.parametrize(
        "key", ["scale", "scale_step", "step", "seconds", "precision", "config"]
    )
    def test_something_is_missing(self, path, key):
        rewrite(path, lambda about, _: about.pop(key))
        assert "is damaged" in complaint(path)

    def test_of_a_version_that_kept_more(self, path):
        rewrite(path, lambda about, _: about.update(mood="cheerful"))
        assert "is damaged" in complaint(path)

    def test_the_image_is_missing(self, path):
        rewrite(path, lambda _, arrays: arrays.pop("optimizer/image"))
        assert "is damaged" in complaint(path)

    def test_a_bare_array(self, path):
        with open(path, "wb") as file:
            np.save(file, np.zeros(3))
        assert "is damaged" in complaint(path)
