"""The options of the drift monitor."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otelml import environment_variables as env
from otelml._durations import seconds
from otelml._option_fields import Options, option_field
from otelml._retraining_options import RetrainingOptions
from otelml._shown import shown, shown_key, shown_path
from otelml.exceptions import ConfigurationError, MissingDependencyError

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_STATISTICS = ("psi", "kl", "js", "wasserstein")
_P_VALUE = "p_value"


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
    window: str = option_field(
        "new",
        "Rows that a check looks at: `new`, all since the last one, or `last`, exactly the last "
        "`window_rows`, some of them again. Evidence for an alarm takes each row once in both.",
        env.OTELML_DRIFT_WINDOW,
        choices=("new", "last"),
    )
    window_rows: int = option_field(
        500,
        "Rows that a check needs: with fewer since the last one (of `last`, since the start), it "
        "waits until they are there.",
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
        "`{psi = [0.1, 0.25]}`. `p_value = [0.05, 0.01]` lets the p-value of KS, of levels "
        "chi-squared, count as well.",
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
    keep_learned: bool = option_field(
        True,
        "Keep what was learned of serving in the file of the reference, beside its data, so that "
        "a restart does not learn anew.",
        env.OTELML_DRIFT_KEEP_LEARNED,
    )
    clear_after: int = option_field(3, "Quiet windows after which an alarm clears.", low=1)
    reports_kept: int = option_field(
        50, "Reports of past checks that are kept, in memory and in the folder.", low=1, high=1_000
    )
    report_folder: str | None = option_field(
        None,
        "Where reports are written, as HTML and JSON; needs the extra `report`.",
        env.OTELML_DRIFT_REPORT_FOLDER,
    )
    retraining: RetrainingOptions = option_field(  # noqa: RUF009 - a field, and frozen
        RetrainingOptions(), "When a retraining is recommended, and who is told."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("every", 0.1), ("false_alarm_every", 1.0), ("calibrate_for", 0.0)):
            key = f"DriftOptions.{name}"
            value = getattr(self, name)
            if seconds(key, value) < low:
                raise ConfigurationError(
                    f"{key} is {shown(value)}; it must be at least {low:g} seconds"
                )
        if self.at is not None and _TIME.fullmatch(self.at) is None:
            raise ConfigurationError(
                f"DriftOptions.at is {shown(self.at)}; it must be HH:MM, in UTC"
            )
        if self.report_folder is not None:
            _check_folder(self.report_folder)
        for name, band in (self.thresholds or {}).items():
            _check_band(name, band)
        if self.window == "last" and self.rolling > 1:
            raise ConfigurationError(
                f"DriftOptions.rolling is {shown(self.rolling)}; with window='last' a check looks "
                "at the last window_rows and at no earlier window"
            )

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


def _check_folder(folder: str) -> None:
    if not folder.strip() or (Path(folder).exists() and not Path(folder).is_dir()):
        raise ConfigurationError(
            f"DriftOptions.report_folder is {shown_path(folder)}; it must be a folder"
        )
    if importlib.util.find_spec("jinja2") is None:
        raise MissingDependencyError("DriftOptions.report_folder", "report")


def _check_band(name: str, band: Any) -> None:
    key = "DriftOptions.thresholds"
    if name not in (*_STATISTICS, _P_VALUE):
        known = ", ".join((*_STATISTICS, _P_VALUE))
        raise ConfigurationError(f"{key} has {shown_key(name)}; there are {known}")
    ok = isinstance(band, (tuple, list)) and len(band) == 2  # noqa: PLR2004 - moderate and high
    ok = ok and all(isinstance(x, (int, float)) for x in band)
    if name == _P_VALUE:
        if not ok or not 1 >= band[0] >= band[1] >= 0:
            raise ConfigurationError(
                f"{key}[{name}] is {shown(band)}; it must be two decreasing numbers from 0 to 1"
            )
    elif not ok or not 0 <= band[0] <= band[1]:
        raise ConfigurationError(
            f"{key}[{name}] is {shown(band)}; it must be two increasing numbers"
        )
