"""Errors that any room may raise, and the words that their messages have in common."""

import difflib
from collections.abc import Iterable


class RunError(RuntimeError):
    """A run failed after its first step; what it had done by then was saved."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the phrase "; did you mean ...?" if `name` resembles a `known` one."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {matches[0]}?" if matches else ""
