"""When checks are made."""

from __future__ import annotations

import pytest

from otelml._monitor.schedule import Schedule
from otelml.config import DriftOptions
from otelml.exceptions import ConfigurationError

DAY = 86_400.0


def test_once_a_day_at_its_time():
    """The next check is at the hour that was asked for, UTC, however late the last one was."""
    schedule = Schedule(DAY, 3 * 3600, 10 * DAY)
    assert schedule.next_s == 10 * DAY + 3 * 3600
    assert not schedule.is_due(schedule.next_s - 1)
    assert schedule.is_due(schedule.next_s)
    schedule.checked(10 * DAY + 5 * 3600)
    assert schedule.next_s == 11 * DAY + 3 * 3600


def test_a_clock_that_is_put_back_stops_no_check():
    """A check planned far in the future is due."""
    schedule = Schedule(300, None, 10 * DAY)
    assert schedule.is_due(9 * DAY)
    assert not schedule.is_due(10 * DAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": "5 minutes"},
        {"every": 0},
        {"every": float("inf")},
        {"at": "24:00"},
        {"at": "3:00"},
        {"calibrate_for": "-1d"},
        {"thresholds": {"psi": (0.2, 0.1)}},
        {"thresholds": {"pse": (0.1, 0.2)}},
        {"thresholds": {"psi": 0.1}},
        {"verdict": "vibes"},
        {"window_rows": 0},
        {"max_rows": 10},
    ],
)
def test_a_wrong_option_is_refused_by_its_name(wrong):
    """The message names the option and the value."""
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"DriftOptions.{name}"):
        DriftOptions(**wrong)


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("30s", 30), ("1.5h", 5400), (60, 60), ("2d", 172_800)]
)
def test_durations(given, seconds):
    """A number is seconds; a unit may follow."""
    assert DriftOptions(every=given).every_s == seconds


def test_a_time_of_day_makes_windows_of_a_day():
    """``at`` takes the place of ``every``."""
    options = DriftOptions(at="03:30")
    assert (options.every_s, options.at_s) == (DAY, 12_600)
