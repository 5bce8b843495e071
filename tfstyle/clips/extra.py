"""Whether what films need is installed; this module needs none of it."""

import importlib.util


def check_extra() -> None:
    """Check that the extra [video] is installed: PyAV for files, OpenCV for flow.

    Raises:
        ValueError: if not.
    """
    for module, name in (("av", "PyAV"), ("cv2", "OpenCV")):
        if importlib.util.find_spec(module) is None:
            raise ValueError(
                f"films need {name}, which is not installed; "
                "pip install 'tfstyle[video]'"
            )
