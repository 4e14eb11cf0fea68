"""What becomes of a label, and a label on its way to the worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opentelemetry.context import Context

from otelml._prediction import Token


@dataclass(frozen=True, init=False)
class FeedbackResult:
    """What became of a label.

    Args:
        model: Name of the model that made the prediction.
        version: Its version.
        predicted: The predicted label or value, as text.
        actual: The label, as text.
        outcome: ``correct``, ``wrong``, ``recorded`` (nothing to compare with), ``duplicate``
            (the same label again: not counted), or ``conflict`` (another label than before from
            the same source: the newest wins).
        delay_s: Seconds from the prediction to the label.
    """

    model: str
    version: str
    predicted: str
    actual: str
    outcome: str
    delay_s: float

    def __init__(
        self, model: str, version: str, predicted: str, actual: str, outcome: str, delay_s: float
    ) -> None:
        # Half of what a frozen dataclass takes: a request waits for it.
        own = self.__dict__
        own["model"], own["version"], own["predicted"] = model, version, predicted
        own["actual"], own["outcome"], own["delay_s"] = actual, outcome, delay_s


class FeedbackRecord(NamedTuple):
    """A label on its way to the worker; a tuple, as a request thread makes it.

    Args:
        token: The prediction's, decoded.
        result: What became of the label.
        source: Where it comes from.
        reviewer: Who gave it; empty where unknown.
        time_ns: When it became known, nanoseconds since the epoch.
        previous: The label before from the same source; None where there was none.
        context: That of the call; its span is the request that brought the label.
        start_ns: Start of the call, nanoseconds since the epoch.
        end_ns: Its end: taken in the call, so that it lies within the request.
        decided_by: The source whose label counts now.
        counts: Whether that is this label.
        differs: Whether another source says something else.
    """

    token: Token
    result: FeedbackResult
    source: str
    reviewer: str
    time_ns: int
    previous: str | None
    context: Context
    start_ns: int
    end_ns: int
    decided_by: str = ""
    counts: bool = True
    differs: bool = False


@dataclass(frozen=True)
class RejectedRecord:
    """A label that was refused."""

    reason: str


@dataclass(frozen=True)
class KeyRecord:
    """A key by which a prediction may be found.

    Args:
        key: The key.
        prediction_id: The prediction's id.
    """

    key: str
    prediction_id: str


@dataclass(frozen=True)
class KeptRecords:
    """Labels that the store has from before this process, the oldest first: for the windows only.

    Args:
        labels: The labels.
    """

    labels: Sequence[FeedbackRecord]
