"""The data of a prediction: what request threads gather and the worker reads.

Nothing here acts, and nothing above is imported: spans, measurements, ids and log events are
made of these records by those who come later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from types import MappingProxyType
from typing import Any

from opentelemetry import trace

from otelml._features import Snapshot
from otelml._records.model import ModelInfo
from otelml._records.results import Results
from otelml._records.spans import Spans


class StageRecord:
    """One stage of a prediction.

    Args:
        name: ``feature_extraction``, ``inference``, ``post_processing``, or another.
        start_ns: Its start, nanoseconds since the epoch.
        end_ns: Its end.
        inferred: Whether it was found from the model calls rather than said.
    """

    # Defaults on the class, where most stages keep them.
    error = ""
    inferred = False
    span: trace.Span | None = None
    start_ns = end_ns = 0

    def __init__(
        self, name: str, start_ns: int = 0, end_ns: int = 0, *, inferred: bool = False
    ) -> None:
        self.name = name
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.inferred = inferred


class PredictionRecord:
    """One prediction, of one row or a batch.

    Args:
        model: Name of the model.
        version: Its version; empty where unknown.
        variant: ``champion``, ``canary``, ``shadow``, or another; empty where there is none.
    """

    spans: Spans
    # Defaults on the class, where most predictions keep them.
    calls: Sequence[Call] = ()
    classes: tuple[Any, ...] | None = None
    # Label, value and confidence are as given; Results are made of these when somebody asks.
    confidence: Any = None
    error = ""
    exception: BaseException | None = None
    feature_names: tuple[str, ...] | None = None
    features: Snapshot | None = None
    framework = ""
    has_own_result = False
    id_text: str | None = None
    inferred = False
    in_request = False
    label: Any = None
    opaque_ids: Mapping[int, str] = MappingProxyType({})  # those that were read, by row
    notes: tuple[str, ...] = ()  # why results of calls were left out
    probabilities: Any = None
    random_ids: tuple[int, int] | None = None
    records = False  # whether its span does
    results: Results | None = None
    rows: int | None = None
    source = 0  # id() of the model whose call gave the results
    span: trace.Span = trace.INVALID_SPAN
    start_ns = end_ns = anchor_ns = perf_ns = 0
    task = ""
    undecided = ""  # why no label follows from the probabilities alone
    value: Any = None

    def __init__(self, model: str, version: str, variant: str) -> None:
        self.model = model
        self.version = version
        self.variant = variant
        self.stages: list[StageRecord] = []

    def add_call(self, call: Call) -> None:
        """Keep a call of a model that is part of it."""
        calls = self.calls
        if isinstance(calls, list):
            calls.append(call)
        else:
            self.calls = [call]

    def now_ns(self) -> int:
        """Return the time, nanoseconds since the epoch, by the clock of this prediction."""
        return self.anchor_ns + perf_counter_ns() - self.perf_ns


class Call:
    """One top-level call of a model.

    Args:
        model: The model object.
        info: How it is reported.
        method: ``predict``, ``predict_proba``, …
        data: What it was called with.
        prediction: The prediction it is part of.
    """

    __slots__ = (
        "data", "end_ns", "error", "final_end_ns", "final_start_ns", "info", "method", "model",
        "prediction", "result", "start_ns", "token",
    )  # fmt: skip

    def __init__(
        self, model: Any, info: ModelInfo, method: str, data: Any, prediction: PredictionRecord
    ) -> None:
        self.model = model
        self.info = info
        self.method = method
        self.data = data
        self.prediction = prediction
        self.start_ns = self.end_ns = self.final_start_ns = self.final_end_ns = 0
        self.result: Any = None
        self.error: BaseException | None = None
        self.token: Any = None

    def final_started(self) -> None:
        """Say that the final estimator starts now: what was before is feature extraction."""
        if not self.final_start_ns:
            self.final_start_ns = self.prediction.now_ns()

    def final_ended(self) -> None:
        """Say that the final estimator has ended."""
        self.final_end_ns = self.prediction.now_ns()
