"""tfstyle.vgg.weights: the file of the weights, checked without TensorFlow."""

import hashlib
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

from tfstyle.vgg import weights
from tfstyle.vgg.weights import (
    BUNDLED_SHA256,
    HDF5_SIGNATURE,
    bundled_file,
    identity,
    sha256,
    weights_path,
)


def complaint(path, way_out="extractor.weights=bundled"):
    """Return the one line that a file is refused with."""
    with pytest.raises(ValueError, match="weights") as caught:
        weights_path(str(path))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert way_out in message
    return message


@pytest.fixture
def file(tmp_path):
    """A file that begins as one of weights."""
    path = tmp_path / "vgg19.weights.h5"
    path.write_bytes(HDF5_SIGNATURE + b"and so on")
    return path


class TestPath:
    def test_bundled_weights_come_with_the_package(self):
        path = weights_path("bundled")
        assert path.is_file()
        assert path == bundled_file(path.name)
        assert sha256(path) == BUNDLED_SHA256

    def test_keras_keeps_its_download_in_the_home_folder(self, monkeypatch, tmp_path):
        monkeypatch.delenv("KERAS_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert weights_path("imagenet").is_relative_to(tmp_path / ".keras/models")

    def test_or_where_keras_is_told_to(self, monkeypatch, tmp_path):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        assert weights_path("imagenet").parent == tmp_path / "models"

    @pytest.mark.parametrize("name", ["a.weights.h5", "a.h5", "a.hdf5"])
    def test_a_file_of_a_known_kind(self, file, name):
        path = file.rename(file.with_name(name))
        assert weights_path(str(path)) == path


class TestRefused:
    def test_a_missing_file(self, tmp_path):
        assert "no such file" in complaint(tmp_path / "none.weights.h5")

    def test_a_folder(self, tmp_path):
        assert "no regular one" in complaint(tmp_path)

    def test_an_endless_name(self, tmp_path):
        assert "no such file" in complaint(tmp_path / ("x" * 5000 + ".h5"))

    def test_an_unknown_kind(self, file):
        path = file.rename(file.with_name("vgg19.npz"))
        assert ".weights.h5" in complaint(path)

    @pytest.mark.parametrize("content", [b"not weights at all\n", b"", b"\x89HDF"])
    def test_what_is_no_hdf5_file_whatever_its_name(self, file, content):
        file.write_bytes(content)
        assert "it is no HDF5 file" in complaint(file)

    def test_a_file_that_cannot_be_read(self, file, monkeypatch):
        def refuse(*_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(weights, "open", refuse, raising=False)
        message = complaint(file, "check the path and its permissions")
        assert "cannot be read: Permission denied" in message

    def test_without_tensorflow(self, tmp_path):
        code = (
            "import sys; from tfstyle.vgg.weights import weights_path\n"
            f"try: weights_path({str(tmp_path / 'none.h5')!r})\n"
            "except ValueError: print(*{'tensorflow', 'keras'} & sys.modules.keys())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "\n"


class TestIdentity:
    def test_of_a_name_is_the_name(self):
        assert identity("bundled") != identity("imagenet")
        assert identity("bundled") == identity("bundled")

    def test_of_a_file_changes_with_it(self, file):
        before = identity(str(file))
        assert identity(str(file)) == before
        other = file.with_name("other.h5")
        shutil.copy2(file, other)
        assert identity(str(other)) != before
        file.write_bytes(file.read_bytes() + b"!")
        assert identity(str(file)) != before

    def test_of_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="no such file"):
            identity(str(tmp_path / "none.h5"))


def test_checksums_are_those_of_sha256(file):
    assert sha256(file) == hashlib.sha256(file.read_bytes()).hexdigest()
