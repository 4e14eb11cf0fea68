"""An even part of very many things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

Key = tuple[int, int, int]
_T = TypeVar("_T", bound=Iterable[Any])


class Thinned(Generic[_T]):
    """Keeps things by the hash of their key, so that when one comes does not matter.

    Args:
        most: How many to keep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._mask = 0
        self._kept: dict[Key, _T] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def takes(self, key: Key) -> bool:
        """Whether a thing of that key is kept, at present."""
        return not hash(key) & self._mask

    def get(self, key: Key) -> _T | None:
        """Return what is kept under a key."""
        return self._kept.get(key)

    def put(self, key: Key, value: _T) -> None:
        """Keep a thing if its key is one of those that are kept; it replaces the one before."""
        if not self.takes(key):
            return
        self._kept[key] = value
        while len(self._kept) > self._most:
            self._thin(2 * self._mask + 1)

    def _thin(self, mask: int) -> None:
        self._mask = mask
        self._kept = {key: value for key, value in self._kept.items() if self.takes(key)}

    def join(self, other: Thinned[_T]) -> None:
        """Take in another's, each in proportion."""
        self._thin(max(self._mask, other._mask))
        for key, value in other._kept.items():
            self.put(key, value)

    def values(self) -> list[_T]:
        """Return what is kept."""
        return list(self._kept.values())

    def saved(self) -> dict[str, Any]:
        """Return what is kept as what JSON can hold, each thing as the list of its fields."""
        return {"mask": self._mask, "kept": [[*key, *value] for key, value in self._kept.items()]}

    def load(self, saved: Mapping[str, Any], made: Callable[..., _T]) -> None:
        """Take in what was saved, in proportion.

        Args:
            saved: Of ``saved``.
            made: Makes a thing of its fields.
        """
        other = Thinned[_T](self._most)
        other._mask = int(saved["mask"])
        for first, second, row, *fields in saved["kept"]:
            other._kept[int(first), int(second), int(row)] = made(*fields)
        self.join(other)
