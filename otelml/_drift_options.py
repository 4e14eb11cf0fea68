"""The options of the drift monitor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otelml import environment_variables as env
from otelml._option_fields import Options, option_field
from otelml.exceptions import ConfigurationError

_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhdw]?)", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_LONGEST_S = 3_153_600_000.0  # a hundred years
_STATISTICS = ("psi", "kl", "js", "wasserstein")


def seconds(key: str, value: str | float) -> float:
    """Return the seconds of a duration: a number of them, or ``30s``, ``5m``, ``1h``, ``30d``.

    Raises:
        ConfigurationError: It is no such duration.

    >>> seconds("every", "5m")
    300.0
    """
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None:
        total = float(found[1]) * _UNITS_S[found[2]]
    elif isinstance(value, str):
        total = -1.0
    else:
        total = float(value)
    if not 0 <= total <= _LONGEST_S:
        raise ConfigurationError(
            f"{key} is {value!r}; it must be seconds or a duration such as 30s, 5m, 1h or 30d"
        )
    return total


@dataclass(frozen=True, kw_only=True)
class DriftOptions(Options):
    """Options of the drift monitor: when it checks, and what it calls drift."""

    enabled: bool = option_field(
        True, "Compare what the model sees with its reference.", env.OTELML_DRIFT
    )
    every: str | float = option_field(
        "5m", "Time between two checks, seconds or `30s`, `5m`, `1h`.", env.OTELML_DRIFT_EVERY
    )
    at: str | None = option_field(
        None, "Check once a day at this time, `HH:MM` in UTC, in place of `every`.",
        env.OTELML_DRIFT_AT,
    )  # fmt: skip
    window_rows: int = option_field(
        500,
        "Rows that a check needs: with fewer since the last one, it waits until they are there.",
        env.OTELML_DRIFT_WINDOW_ROWS,
        low=1,
        high=1_000_000,
    )
    min_rows: int = option_field(
        50, "Usable values that a feature needs in a window; with fewer it is not tested.", low=1
    )
    max_rows: int = option_field(
        10_000,
        "Rows of a window whose values are kept. Of more, an even part is kept; counts by bin "
        "take in every row.",
        low=100,
        high=1_000_000,
    )
    rolling: int = option_field(
        1,
        "Windows that statistics and severities look back over. What decides an alarm always "
        "takes each row once.",
        low=1,
        high=100,
    )
    verdict: str = option_field(
        "budget",
        "What decides an alarm: `budget` (evidence against `false_alarm_every`) or `thresholds`.",
        env.OTELML_DRIFT_VERDICT,
        choices=("budget", "thresholds"),
    )
    false_alarm_every: str | float = option_field(
        "30d",
        "Expected time between two false alarms of a model whose data did not change.",
        env.OTELML_DRIFT_FALSE_ALARM_EVERY,
    )
    thresholds: Mapping[str, tuple[float, float]] | None = option_field(
        None,
        "From where a statistic is moderate and high, where other than PSI 0.1 and 0.2, KL 0.1 "
        "and 0.5, JS 0.1 and 0.2, Wasserstein 0.1 and 0.3 standard deviations: "
        "`{psi = [0.1, 0.25]}`.",
    )
    critical_features: tuple[str, ...] = option_field(
        (), "Features whose drift is significant however small.", env.OTELML_DRIFT_CRITICAL_FEATURES
    )
    self_reference_rows: int = option_field(
        2_000,
        "Rows that make the reference of a model that has none: its first ones.",
        low=100,
        high=1_000_000,
    )
    calibrate_for: str | float = option_field(
        "1d",
        "How long a model whose reference has no order is watched, at least 24 windows, to learn "
        "how much its data swings by itself; 0 learns nothing.",
        env.OTELML_DRIFT_CALIBRATE_FOR,
    )
    clear_after: int = option_field(3, "Quiet windows after which an alarm clears.", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("every", 0.1), ("false_alarm_every", 1.0), ("calibrate_for", 0.0)):
            key = f"DriftOptions.{name}"
            value = getattr(self, name)
            if seconds(key, value) < low:
                raise ConfigurationError(f"{key} is {value!r}; it must be at least {low:g} seconds")
        if self.at is not None and _TIME.fullmatch(self.at) is None:
            raise ConfigurationError(f"DriftOptions.at is {self.at!r}; it must be HH:MM, in UTC")
        for name, band in (self.thresholds or {}).items():
            _check_band(name, band)

    @property
    def every_s(self) -> float:
        """Seconds between two checks."""
        return 86_400.0 if self.at is not None else seconds("DriftOptions.every", self.every)

    @property
    def false_alarm_every_s(self) -> float:
        """Seconds between two false alarms."""
        return seconds("DriftOptions.false_alarm_every", self.false_alarm_every)

    @property
    def calibrate_for_s(self) -> float:
        """Seconds of learning."""
        return seconds("DriftOptions.calibrate_for", self.calibrate_for)

    @property
    def at_s(self) -> int | None:
        """Seconds after midnight, UTC, of a daily check; None where there is no such time."""
        found = _TIME.fullmatch(self.at) if self.at is not None else None
        return None if found is None else int(found[1]) * 3600 + int(found[2]) * 60


def _check_band(name: str, band: Any) -> None:
    key = "DriftOptions.thresholds"
    if name not in _STATISTICS:
        raise ConfigurationError(f"{key} has {name!r}; there are {', '.join(_STATISTICS)}")
    ok = isinstance(band, (tuple, list)) and len(band) == 2  # noqa: PLR2004 - moderate and high
    if not ok or not all(isinstance(x, (int, float)) for x in band) or not 0 <= band[0] <= band[1]:
        raise ConfigurationError(f"{key}[{name!r}] is {band!r}; it must be two increasing numbers")
