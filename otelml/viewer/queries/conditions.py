"""Filters by any attribute: ``key=value`` and ``key!=value``, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from otelml.viewer.queries.window import BadParameterError

_MOST = 50


class Condition(NamedTuple):
    """What an attribute is, or is not; one that is missing is empty, as in PromQL."""

    key: str
    value: str
    equal: bool = True


class Conditions:
    """Conditions that hold together; several values of one key are alternatives.

    Args:
        each: The conditions.
    """

    def __init__(self, each: Iterable[Condition]) -> None:
        self.each = list(each)
        self._wanted: dict[str, set[str]] = {}
        self._unwanted: dict[str, set[str]] = {}
        for key, value, equal in self.each:
            (self._wanted if equal else self._unwanted).setdefault(key, set()).add(value)

    @property
    def keys(self) -> set[str]:
        """The attributes that are asked for."""
        return {*self._wanted, *self._unwanted}

    @property
    def wanted(self) -> Mapping[str, set[str]]:
        """The values that an attribute may have, by key."""
        return self._wanted

    @property
    def unwanted(self) -> Mapping[str, set[str]]:
        """The values that an attribute must not have, by key."""
        return self._unwanted

    def hold(self, labels: Mapping[str, str]) -> bool:
        """Tell whether attributes, as texts, fulfil all of them."""
        return all(labels.get(k, "") in v for k, v in self._wanted.items()) and not any(
            labels.get(k, "") in v for k, v in self._unwanted.items()
        )


def conditions_of(raw: str) -> Conditions:
    """Return the conditions of a parameter, one a line.

    Raises:
        BadParameterError: A line is no condition, or there are too many.
    """
    lines = [line for line in raw.split("\n") if line]
    if len(lines) > _MOST:
        raise BadParameterError(f"where has {len(lines)} conditions; {_MOST} are the most")
    return Conditions(_condition(line) for line in lines)


def _condition(line: str) -> Condition:
    key, equals, value = line.partition("=")
    equal = not key.endswith("!")
    key = (key if equal else key[:-1]).strip()
    if not key or not equals:
        raise BadParameterError(f"where must be key=value or key!=value, not {line[:40]!r}")
    return Condition(key, value, equal)
