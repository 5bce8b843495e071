"""tfstyle.jobs.style_targets: what is measured once and found again."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.jobs.style_targets import StyleTargets

MEASURED = [
    {"products": tf.constant([[1.5, 2.0]]), "positions": tf.constant(7.0)},
    {"sums": np.array([1e-9, 3.0])},
]


def never():
    raise AssertionError("measured again")


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for parts, others in zip(found, expected, strict=True):
        assert parts.keys() == others.keys()
        for name, part in parts.items():
            assert type(part) is type(others[name])
            np.testing.assert_array_equal(part, others[name])


def test_what_is_there_is_not_measured_again(tmp_path):
    assert_equal(StyleTargets(tmp_path)("a key", lambda: MEASURED), MEASURED)
    assert_equal(StyleTargets(tmp_path)("a key", never), MEASURED)


def test_another_key_is_measured(tmp_path):
    store = StyleTargets(tmp_path)
    store("a key", lambda: MEASURED)
    assert store("another", lambda: MEASURED[:1]) == MEASURED[:1]


@pytest.mark.parametrize("damage", [b"", b"PK\3\4 no archive", None])
def test_a_damaged_file_is_measured_again(tmp_path, damage):
    store = StyleTargets(tmp_path)
    store("a key", lambda: MEASURED)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    assert_equal(store("a key", lambda: MEASURED), MEASURED)
    assert_equal(store("a key", never), MEASURED)


def test_the_folder_may_go_at_any_time(tmp_path):
    store = StyleTargets(tmp_path / "in" / "here")
    store("a key", lambda: MEASURED)
    for file in (tmp_path / "in" / "here").iterdir():
        file.unlink()
    (tmp_path / "in" / "here").rmdir()
    assert_equal(store("a key", lambda: MEASURED), MEASURED)


def test_what_was_not_used_for_longest_goes(tmp_path):
    store = StyleTargets(tmp_path)
    for key in ("old", "new"):
        store(key, lambda: MEASURED)
    size = sum(file.stat().st_size for file in tmp_path.iterdir())
    store("old", never)  # so that "new" is the older one
    StyleTargets(tmp_path, most=size)("another", lambda: MEASURED)
    store("old", never)
    with pytest.raises(AssertionError, match="measured again"):
        store("new", never)


def test_where_nothing_can_be_written_it_is_measured_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    store = StyleTargets(tmp_path / "file")
    assert_equal(store("a key", lambda: MEASURED), MEASURED)
