"""Any value as what JSON and OTLP can hold, within a budget; nothing that it does is raised."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from otelml._guard import quietly

__all__ = ["Cleaner", "clean", "key_of", "put", "text_of", "unprintable"]

_MAX_DEPTH = 12
_MAX_VALUES = 2000
_MAX_TEXT = 100_000
_MAX_TEXT_IN_ALL = 200_000
_SHORT = 100
_INT64 = 2**63
# Times and long doubles: their Python form is coarser, or they themselves again.
_SHOWN_BY_NUMPY = "mMgG"
_MAX_BITS = 4096


class Cleaner:
    """Turns one record's values into what JSON and OTLP can hold, within a budget."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES
        self._text_left = _MAX_TEXT_IN_ALL
        self._path: set[int] = set()

    def clean(self, value: Any, depth: int = 0) -> Any:
        """Return a value as :func:`clean` does, out of what is left of the budget."""
        self._left -= 1
        if _is_clean(value):
            return value
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            return self._bounded(text_of(str.__str__(value)))
        return quietly(self._clean, value, depth, default=unprintable(value))

    def _bounded(self, text: str) -> str:
        self._text_left -= len(text)
        return text if self._text_left >= 0 else f"<text of {len(text)} characters>"

    def _clean(self, value: Any, depth: int) -> Any:
        if isinstance(value, enum.Enum):
            return self.clean(value.value, depth)
        if isinstance(value, np.generic) and value.dtype.char not in _SHOWN_BY_NUMPY:
            value = value.item()
        if isinstance(value, (int, float)):
            return _integer(int(value)) if isinstance(value, int) else _number(float(value))
        children = _children(value, self._left)
        if children is None:
            return self._bounded(text_of(_shown(value)))
        return self._container(value, children, depth)

    def _container(self, value: Any, children: Any, depth: int) -> Any:
        if id(value) in self._path:
            return "<cycle>"
        if depth >= _MAX_DEPTH:
            return f"<deeper than {_MAX_DEPTH}: {type(value).__name__}>"
        self._path.add(id(value))
        try:
            if isinstance(children, Mapping):
                return self._mapping(children, depth)
            items: list[Any] = []
            for item in children:
                if self._left <= 0:
                    items.append("<more>")
                    break
                items.append(self.clean(item, depth + 1))
            return items
        finally:
            self._path.discard(id(value))

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, item in mapping.items():
            if self._left <= 0:
                out["<more>"] = True
                break
            put(out, key_of(key), self.clean(item, depth + 1))
        return out


def _is_clean(value: Any) -> bool:
    """Return whether a value is one of the many that need no cleaning, at the least cost."""
    kind = type(value)
    if kind is str:
        return len(value) < _SHORT and value.isascii()
    if kind is int:
        return bool(-_INT64 <= value < _INT64)
    if kind is float:
        return math.isfinite(value)
    return value is None or kind is bool


def _children(value: Any, budget: int) -> Any:
    """Return a mapping or an iterable of what ``value`` holds; None for what holds nothing."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, np.ndarray):
        # Only as much as can be shown is converted; rows are views.
        if value.ndim == 0:
            return [value.item()]
        shown = value[: max(budget, 1)]
        return shown.tolist() if value.ndim == 1 else list(shown)
    if isinstance(value, (list, tuple, AbstractSet, deque)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _integer(value: int) -> int | str:
    if -_INT64 <= value < _INT64:
        return value
    bits = value.bit_length()
    return str(value) if bits <= _MAX_BITS else f"<integer of {bits} bits>"


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def text_of(text: str) -> str:
    """Return a text that other systems can read, cut where it is too long for a line."""
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]}… (+{len(text) - _MAX_TEXT} characters)"
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # lone surrogates are not text that other systems can read
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def unprintable(value: object) -> str:
    """Return what stands for a value that raises when it is shown."""
    return f"<unprintable {quietly(lambda: str(type(value).__name__), default='object')}>"


def _shown(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value[:_MAX_TEXT]).decode("utf-8", "backslashreplace")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, type):
        return value.__name__
    text = quietly(lambda: str.__str__(str(value)))
    return str.__str__(repr(value)) if text is None else text


def clean(value: Any) -> Any:
    """Return ``value`` as None, bool, 64-bit int, finite float, str, list and dict only.

    What has no such form becomes text; what is deeper, longer or more than a log line can carry
    is cut, and says so. Nothing that ``value`` does when it is looked at is raised.
    """
    return value if _is_clean(value) else Cleaner().clean(value)


def key_of(key: object) -> str:
    """Return a non-empty text for the key of an extra."""
    if key and type(key) is str and key.isascii():
        return key
    return text_of(quietly(_shown, key, default=unprintable(key))) or "_"


def put(target: dict[str, Any], key: str, value: Any) -> None:
    """Add a field under ``key``, or under ``extra.key`` where that is taken: no field is lost."""
    while key in target:
        key = f"extra.{key}"
    target[key] = value
