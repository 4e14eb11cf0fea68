"""Drift of any payload: numbers move by their own spread, levels change their shares."""

from __future__ import annotations

import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from otelml._hints import hint
from otelml.exceptions import ConfigurationError

Path = tuple[str, ...]
_ROW: Final = "*"  # any row of a list of rows: all rows share their fields
_MOST_LEVELS: Final = 50  # more are names or ids, not levels


@dataclass(frozen=True)
class Levels:
    """The levels of a field.

    Args:
        values: As they stand in the payloads, the most frequent first.
        weights: Their shares in the payloads.
    """

    values: tuple[Any, ...]
    weights: tuple[float, ...]

    def pick(self, rng: random.Random, strength: float) -> Any:
        """Return a level; the stronger, the more do rare levels take the place of frequent ones."""
        if len(set(self.weights)) == 1:
            target = [0.5**place for place in range(len(self.values))]
        else:
            target = list(reversed(self.weights))
        total = sum(target)
        mixed = [
            (1 - strength) * now + strength * then / total
            for now, then in zip(self.weights, target, strict=True)
        ]
        return rng.choices(self.values, mixed)[0]


@dataclass(frozen=True)
class Shift:
    """How payloads drift.

    Args:
        spreads: What one unit of ``factors`` is, by numeric field.
        levels: Of each field of texts or booleans that has more than one level.
        factor: By how many spreads every number moves.
        factors: By how many spreads the named fields move instead.
        strength: 0 keeps the shares of levels, 1 turns them round.
    """

    spreads: Mapping[Path, float]
    levels: Mapping[Path, Levels]
    factor: float = 1.0
    factors: Mapping[str, float] = field(default_factory=dict[str, float])
    strength: float = 0.8

    @classmethod
    def of(
        cls,
        bodies: Sequence[bytes],
        factor: float = 1.0,
        factors: Mapping[str, float] | None = None,
        strength: float = 0.8,
    ) -> Shift:
        """Return the shift for payloads, from the values that they hold.

        The spread of a number is its standard deviation over all payloads; of one that is the same
        in all, it is the number itself.

        Raises:
            ConfigurationError: Nothing can drift, or a named field is no number of any payload.
        """
        seen: dict[Path, list[Any]] = {}
        for body in bodies:
            for path, value in _leaves(json.loads(body), ()):
                seen.setdefault(path, []).append(value)
        numbers = {path: values for path, values in seen.items() if all(map(_is_number, values))}
        spreads = {path: _spread(values) for path, values in numbers.items()}
        levels = {
            path: found
            for path, values in seen.items()
            if path not in numbers and (found := _levels(values)) is not None
        }
        if bodies and not spreads and not levels:
            raise ConfigurationError(
                "nothing in the payloads can drift: there is no number, and no text with levels"
            )
        known = {path[-1] for path in spreads} | {".".join(path) for path in spreads}
        for name in factors or {}:
            if name not in known:
                raise ConfigurationError(
                    f"--field {name}: no number of that name is in the payloads; "
                    f"{hint(name, sorted(known), 'there are')}"
                )
        return cls(spreads, levels, factor, dict(factors or {}), strength)

    def body(self, body: bytes, rng: random.Random) -> bytes:
        """Return a payload as it looks after the drift."""
        return json.dumps(_map(json.loads(body), (), lambda p, v: self._value(p, v, rng))).encode()

    def _value(self, path: Path, value: Any, rng: random.Random) -> Any:
        spread = self.spreads.get(path)
        if spread is not None and _is_number(value):
            factor = self.factors.get(".".join(path), self.factors.get(path[-1]))
            if factor is None:
                factor = 0.0 if self.factors else self.factor
            moved = value + factor * spread
            return round(moved) if isinstance(value, int) else moved
        found = self.levels.get(path)
        return value if found is None else found.pick(rng, self.strength)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spread(values: list[float]) -> float:
    return statistics.pstdev(values) or abs(values[0]) or 1.0


def _levels(values: list[Any]) -> Levels | None:
    if not all(isinstance(value, (str, bool)) for value in values):
        return None
    counts = Counter(values).most_common()
    if not 1 < len(counts) <= _MOST_LEVELS:
        return None
    return Levels(
        tuple(value for value, _ in counts), tuple(count / len(values) for _, count in counts)
    )


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Yield every value that holds no others, with its place."""
    found: list[tuple[Path, Any]] = []

    def keep(place: Path, leaf: Any) -> Any:
        found.append((place, leaf))
        return leaf

    _map(value, path, keep)
    yield from found


def _map(value: Any, path: Path, change: Callable[[Path, Any], Any]) -> Any:
    """Return a JSON value with every leaf changed.

    Elements of a list of lists or mappings are rows and share their places; those of a plain list
    are fields, each with its own.
    """
    if isinstance(value, dict):
        return {name: _map(inner, (*path, name), change) for name, inner in value.items()}
    if isinstance(value, list):
        rows = any(isinstance(inner, (dict, list)) for inner in value)
        return [
            _map(inner, (*path, _ROW if rows else str(place)), change)
            for place, inner in enumerate(value)
        ]
    return change(path or ("",), value)
