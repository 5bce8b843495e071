"""The versions that a run computes with."""

from importlib.metadata import PackageNotFoundError, version

import tfstyle

LIBRARIES = ("tensorflow", "keras", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Return the version of tfstyle and of each library that its results depend on."""
    found = {name: installed_version(name) for name in LIBRARIES}
    return {"tfstyle": tfstyle.__version__, **found}


def installed_version(package: str) -> str:
    """Return a package's version; "unknown" if it came without metadata."""
    try:
        return version(package) or "unknown"
    except PackageNotFoundError:
        return "unknown"
