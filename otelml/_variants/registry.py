"""The shadows of this process, and who hands them what the champion predicted."""

from __future__ import annotations

import time
from typing import Any

from otelml import _guard
from otelml._prediction import OpenPrediction, model_called, prediction_ended
from otelml._shown import shown
from otelml._state import ProcessState
from otelml._variants.rows import copied
from otelml._variants.shadow import Shadow
from otelml.exceptions import ConfigurationError

_QUEUE = 100
_MAX_ROWS = 10_000
shadows: ProcessState[tuple[Shadow, ...]] = ProcessState(())


def shadow(
    model: Any,
    *,
    version: str = "shadow",
    of: str | None = None,
    queue: int = _QUEUE,
    max_rows: int = _MAX_ROWS,
) -> Shadow:
    """Run a second model on the champion's rows, beside the requests, and compare the results.

    Each prediction of the champion that ends well has its rows copied and handed to a thread,
    where ``model`` makes a prediction of variant ``shadow`` of them, linked to the champion's
    span. How often labels differ, and how far results are apart, are metrics. Requests do not
    wait for it, and no error of its reaches them.

    The rows are those of the champion's last call that an instrumentor of otelml saw, as they
    were before it; where it sees none, :meth:`Shadow.see` says them.

    Args:
        model: Anything with ``predict`` (and ``predict_proba``, ``classes_``), or a function of
            rows that returns one label or number a row.
        version: Its version, by which it is told from the champion.
        of: Name of the champion's model; of any model by default.
        queue: Predictions that may wait; further ones are dropped and counted.
        max_rows: Rows that may wait, all together; a larger batch is dropped and counted.

    Raises:
        ConfigurationError: A bound is not positive, or the model can be neither called nor asked.
    """
    if queue < 1 or max_rows < 1:
        raise ConfigurationError(
            f"queue is {shown(queue)}, max_rows is {shown(max_rows)}; both must be positive"
        )
    if not callable(getattr(model, "predict", model)):
        raise ConfigurationError(
            f"the shadow is a {type(model).__name__}; it must have predict(), or be a function"
        )
    made = Shadow(model, str(version), of, queue, max_rows)
    shadows.value = (*(one for one in shadows.value if not one.is_closed), made)
    model_called.value, prediction_ended.value = _called, _ended
    return made


def _called(record: OpenPrediction, rows: Any) -> None:
    """Keep what the champion is given: afterwards it may be another's."""
    held = record.shadow_rows
    if held is not None and held[0] is rows:
        return  # predict and predict_proba of the same rows
    if any(one.wants(record) and one.has_room_for(rows) for one in shadows.value):
        record.shadow_rows = (rows, copied(rows))
    elif held is not None:
        record.shadow_rows = None


def _ended(record: OpenPrediction) -> None:
    """Hand a prediction to the shadows that want it."""
    held, said = record.shadow_rows, record.shadow_said or {}
    record.shadow_rows = record.shadow_said = None
    if record.error:
        return
    for one in shadows.value:
        if not one.wants(record):
            continue
        if one in said:
            one.take(record, said[one])
        elif held is not None:
            one.take(record, held[1])
            held = (held[0], copied(held[1])) if len(shadows.value) > 1 else held
        elif record.calls:
            one.count_dropped(record)


def wait_for_shadows(deadline: float) -> None:
    """Wait for what the shadows have yet to do, until ``deadline`` on the monotonic clock."""
    for one in shadows.value:
        if not one.is_closed:
            one.wait(max(0.0, deadline - time.monotonic()))


def shadows_after_fork() -> None:
    """Begin at zero in a child."""
    for one in shadows.value:
        _guard.call("shadow", one.after_fork)
