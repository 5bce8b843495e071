"""The file of VGG19's weights: found and checked before TensorFlow is imported."""

import hashlib
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

BUNDLED = "vgg19_imagenet_notop_fp16.weights.h5"
BUNDLED_SHA256 = "e497848bc64ecf40fe41ebb0f89152153577cccec8af79774576edd2d7c27095"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
KERAS_FILE = "models/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"


def weights_path(weights: str) -> Path:
    """Return the file that `extractor.weights` stands for.

    Args:
        weights: "bundled", "imagenet" (where Keras keeps its download, which may not
            have happened yet), or a path.

    Raises:
        ValueError: if a path, or the bundled file, is missing or of the wrong kind.
    """
    if weights == "imagenet":
        home = os.environ.get("KERAS_HOME", Path.home() / ".keras")
        return Path(home) / KERAS_FILE
    path = bundled_file(BUNDLED) if weights == "bundled" else Path(weights)
    if not os.path.isfile(path):  # not path.is_file, which raises for an endless name
        way_out = (
            "install tfstyle again"
            if weights == "bundled"
            else "check the path, or set extractor.weights=bundled"
        )
        raise ValueError(
            f"weights {path}: there is no such file, or it is no regular one; {way_out}"
        )
    if path.suffix not in (".h5", ".hdf5"):
        raise ValueError(
            f"weights {path}: expected a Keras .weights.h5 or .h5 file; "
            "set extractor.weights=bundled for the weights that come with tfstyle"
        )
    if weights != "bundled":  # whose checksum is compared
        _check_signature(path)
    return path


def identity(weights: str) -> tuple[Any, ...]:
    """Return what changes with the file that `extractor.weights` stands for.

    Raises:
        ValueError: as `weights_path`.
    """
    if weights in ("bundled", "imagenet"):
        return (weights,)
    path = weights_path(weights)
    status = path.stat()
    return str(path.absolute()), status.st_ino, status.st_size, status.st_mtime_ns


def _check_signature(path: Path) -> None:
    """Refuse what is no HDF5 file, whatever its name, before TensorFlow is imported."""
    try:
        with open(path, "rb") as file:
            begins = file.read(len(HDF5_SIGNATURE))
    except OSError as error:
        raise ValueError(
            f"weights {path} cannot be read: {error.strerror}; check the path and its "
            "permissions"
        ) from error
    if begins != HDF5_SIGNATURE:
        raise ValueError(
            f"weights {path} are not those of Keras' VGG19 without top: it is no "
            "HDF5 file; give a .weights.h5 or .h5 file, or set "
            "extractor.weights=bundled"
        )


def bundled_file(name: str) -> Path:
    """Return the path of a data file that is part of the package."""
    return Path(str(files("tfstyle") / "data" / name))


def sha256(path: Path) -> str:
    """Return the checksum of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
