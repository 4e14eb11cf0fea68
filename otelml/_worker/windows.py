"""The windows of features, one a model version, bounded in number."""

from __future__ import annotations

from typing import NamedTuple

from otelml import _guard
from otelml._features import CurrentWindow, Summary, last_rows, table
from otelml._records.prediction import PredictionRecord

_MAX_WINDOWS = 100


class Mismatch(NamedTuple):
    """Features that are not those of the model.

    Args:
        reason: ``width`` or ``columns``.
        problem: The same in a sentence.
    """

    reason: str
    problem: str


class Windows:
    """The last rows of each model version.

    Args:
        rows: Rows to keep of each.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._windows: dict[tuple[str, str], CurrentWindow] = {}

    def take(self, record: PredictionRecord) -> Mismatch | None:
        """Take in the features of a prediction; return why they do not fit, if they do not."""
        return _guard.call("window", self._take, record)

    def _take(self, record: PredictionRecord) -> Mismatch | None:
        if record.features is None or record.features.data is None:
            return None
        name = (record.model, record.version)
        window = self._windows.pop(name, None)
        if window is not None:
            self._windows[name] = window  # the least used comes first
        elif len(self._windows) >= _MAX_WINDOWS:
            del self._windows[next(iter(self._windows))]
        data = record.features.data
        if window is not None and type(data) is dict and window.add_row(data):
            return None
        columns = table(last_rows(data, self.rows))  # the window keeps no more
        if columns is None:
            return None
        if window is None:
            window = self._windows[name] = CurrentWindow(self.rows, record.feature_names)
        reason = window.add(columns)
        if not reason:
            return None
        expected, got = len(window.names or ()), columns.values.shape[1]
        return Mismatch(
            reason, f"features do not match the model's {expected} ({reason}): got {got} columns"
        )

    def clear(self) -> None:
        """Forget all rows."""
        self._windows.clear()

    def names(self) -> list[tuple[str, str]]:
        """Return the models and versions that have a window."""
        return list(self._windows)

    def summaries(self) -> list[tuple[tuple[str, str], Summary]]:
        """Return each feature of each window, summed up."""
        return [
            (name, summary)
            for name, window in list(self._windows.items())
            for summary in window.summaries()
        ]
