"""A measure of quality, with its interval."""

from __future__ import annotations

from typing import NamedTuple


class Score(NamedTuple):
    """A measure of quality and its interval.

    Args:
        value: The measure.
        lower: Lower end of its interval.
        upper: Upper end.
    """

    value: float
    lower: float
    upper: float
