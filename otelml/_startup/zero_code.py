"""Whether this process was started without a code change."""

from __future__ import annotations

from otelml._state import ProcessState

started: ProcessState[bool] = ProcessState(False)
