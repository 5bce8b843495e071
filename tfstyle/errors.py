"""What anybody may raise, and the words that errors share."""

import difflib
from collections.abc import Iterable


class RunError(RuntimeError):
    """Something went wrong on the way; what a step or more had done was saved."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the phrase "; did you mean ...?" if `name` resembles a `known` one."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]}?" if matches else ""
