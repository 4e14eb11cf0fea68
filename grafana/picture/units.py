"""Numbers as Grafana writes them in the units that the dashboards use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

_SECONDS: Final = (
    (604_800.0, "weeks"),
    (86_400.0, "days"),
    (3600.0, "hours"),
    (60.0, "mins"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
)
_THOUSANDS: Final = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (1.0, ""))
_BYTES: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL_BYTES: Final = ("B/s", "kB/s", "MB/s", "GB/s")


def digits(value: float, significant: int = 3) -> str:
    """Return a number with so many digits that matter, no zeros at its end."""
    if value == 0:
        return "0"
    places = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(value: float) -> str:
    for size, name in _SECONDS:
        if abs(value) >= size:
            return f"{digits(value / size)} {name}"
    return "0 s"


def _thousands(value: float) -> str:
    for size, name in _THOUSANDS:
        if abs(value) >= size:
            return f"{digits(value / size)}{name}"
    return digits(value)


def _scaled(value: float, base: int, names: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= base and power < len(names) - 1:
        value, power = value / base, power + 1
    return f"{digits(value)} {names[power]}"


_UNITS: Final[dict[str, Callable[[float], str]]] = {
    "none": digits,
    "s": _seconds,
    "percentunit": lambda value: f"{digits(value * 100)}%",
    "reqps": lambda value: f"{_thousands(value)} req/s",
    "cps": lambda value: f"{_thousands(value)} c/s",
    "currencyUSD": lambda value: f"${digits(value)}",
    "bytes": lambda value: _scaled(value, 1024, _BYTES),
    "Bps": lambda value: _scaled(value, 1000, _DECIMAL_BYTES),
}


def text(value: float, unit: str) -> str:
    """Return a value in a unit, by Grafana's id of it.

    Raises:
        KeyError: No dashboard used that unit so far.
    """
    return _UNITS[unit](value)


def ticks(low: float, high: float, unit: str, most: int = 5) -> list[float]:
    """Return round values between two bounds, in steps that read well in the unit."""
    base = 2.0 if unit == "bytes" else 10.0
    rough = (high - low) / most
    power = base ** math.floor(math.log(rough, base))
    steps = (1.0, 2.0) if base < 10 else (1.0, 2.0, 2.5, 5.0, 10.0)  # noqa: PLR2004 - decimal
    step = next((power * each for each in steps if power * each >= rough), power * base)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
