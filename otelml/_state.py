"""What belongs to the process rather than to an object: one value, put in place or taken away."""

from __future__ import annotations

from typing import Generic, TypeVar

_T = TypeVar("_T")


class ProcessState(Generic[_T]):
    """One value of the whole process; reading ``value`` is one look.

    Args:
        value: What it is at first.
    """

    __slots__ = ("value",)

    def __init__(self, value: _T) -> None:
        self.value = value

    def exchange(self, value: _T) -> _T:
        """Put a value in place; return the one before."""
        before, self.value = self.value, value
        return before
