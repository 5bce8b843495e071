"""Where a command writes: the path of its --output, or of another flag."""

from pathlib import Path

from absl import flags


def output_folder(default: str) -> Path:
    """Return the folder that --output names, or `default` if it is not given.

    Raises:
        ValueError: if it is empty.
    """
    return path_of("output", default)


def path_of(flag: str, default: str) -> Path:
    """Return the path that a flag names, or `default` if it is not given.

    A leading ~ is the home folder also in --flag=~/path, which shells leave as it is.

    Raises:
        ValueError: if it is empty, or ~user is of nobody.
    """
    path = flags.FLAGS[flag].value
    if path is None:
        return Path(default)
    if not path:
        raise ValueError(f"--{flag} is empty; give a path, such as {default}")
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(
            f"--{flag} is {path!r}, and there is no such home folder; give a path"
        ) from None
