"""Reading a value that somebody has set, with an error that says which, where and what instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from otelml._hints import hint, nearest
from otelml._shown import shown, shown_key
from otelml.exceptions import ConfigurationError

_TRUE: Final = frozenset(("true", "1", "yes", "on"))
_FALSE: Final = frozenset(("false", "0", "no", "off"))
_INFINITY: Final = float("inf")


class Given(NamedTuple):
    """A value that was set.

    Args:
        key: The option or the variable.
        value: What it was set to.
        source: Where, a file or an argument; empty where ``key`` says it, as a variable does.
    """

    key: str
    value: Any
    source: str

    def wrong(self, must: str, near: Iterable[str] = ()) -> ConfigurationError:
        """Return the error of a value that is not what it ``must`` be, or ``near`` one of these."""
        source = f" (from {self.source})" if self.source else ""
        return ConfigurationError(
            f"{self.key} is {shown(self.value, near)}{source}; it must be {must}"
        )


def boolean(given: Given) -> bool:
    """Return the truth value that a text spells.

    Raises:
        ConfigurationError: It is neither true nor false.
    """
    lowered = str(given.value).strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise given.wrong("true or false", ("true", "false"))


def number(given: Given, low: float = -_INFINITY, high: float = _INFINITY) -> float:
    """Return the number that a text spells.

    Raises:
        ConfigurationError: It is not a number, or it is out of bounds.
    """
    value = _float(given.value)
    if value is None:
        raise given.wrong("a number")
    is_bounded = low > -_INFINITY or high < _INFINITY  # else what it means decides, NaN too
    if is_bounded and not low <= value <= high:
        bounds = f"at least {low:g}" if high == _INFINITY else f"from {low:g} to {high:g}"
        raise given.wrong(bounds)
    return value


def _float(value: Any) -> float | None:
    """Return the number; None where it is none. Python's own error would repeat the text."""
    try:
        return float(value)
    except ValueError:
        return None


def whole(given: Given, low: float = -_INFINITY) -> int:
    """Return the whole number that a text spells.

    Raises:
        ConfigurationError: It is not a whole number, or it is too small.
    """
    spelled = _float(given.value)
    if spelled is None or not math.isfinite(spelled) or spelled != int(spelled):
        raise given.wrong("a whole number")
    return int(number(given, low))


def one_of(given: Given, choices: Iterable[str]) -> str:
    """Return a text that is one of few, in lower case.

    Raises:
        ConfigurationError: It is another one.
    """
    known = tuple(choices)
    value = str(given.value).strip().lower()
    if value in known:
        return value
    near = nearest(value, known)
    meant = f"; did you mean {near}?" if near else ""
    raise given.wrong(f"one of {', '.join(known)}{meant}", known)


def _words(given: Given) -> tuple[str, ...]:
    return tuple(part.strip() for part in str(given.value).split(",") if part.strip())


_PARSERS: Final[Mapping[str, Callable[[Given], Any]]] = {
    "bool": boolean,
    "int": whole,
    "float": number,
    "float | None": number,
    "tuple[str, ...]": _words,
}


def parse(given: Given, kind: str) -> Any:
    """Return a text as the type that an option is annotated with.

    Raises:
        ConfigurationError: It does not spell such a value.
    """
    parser = _PARSERS.get(kind)
    return given.value if parser is None else parser(given)


def check_keys(given: Mapping[str, Any], valid: Iterable[str], source: str, prefix: str) -> None:
    """Refuse an unknown key, naming the nearest valid one.

    Raises:
        ConfigurationError: A key of ``given`` is not in ``valid``.
    """
    known = tuple(valid)
    for key in given:
        if key not in known:
            meant = hint(key, (f"{prefix}{name}" for name in known))
            raise ConfigurationError(f"unknown key {prefix}{shown_key(key)} in {source}; {meant}")
