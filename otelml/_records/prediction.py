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

    __slots__ = ("end_ns", "error", "inferred", "name", "span", "start_ns")

    def __init__(
        self, name: str, start_ns: int = 0, end_ns: int = 0, *, inferred: bool = False
    ) -> None:
        self.name = name
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.inferred = inferred
        self.error = ""
        self.span: trace.Span | None = None


class PredictionRecord:
    """One prediction, of one row or a batch.

    Args:
        model: Name of the model.
        version: Its version; empty where unknown.
        variant: ``champion``, ``canary``, ``shadow``, or another; empty where there is none.
    """

    __slots__ = (
        "__dict__",
        "anchor_ns",
        "confidence",
        "end_ns",
        "features",
        "framework",
        "has_own_result",
        "id_text",
        "label",
        "model",
        "perf_ns",
        "records",
        "results",
        "rows",
        "span",
        "spans",
        "stages",
        "start_ns",
        "value",
        "variant",
        "version",
    )  # fmt: skip

    spans: Spans
    # Defaults on the class, where most predictions keep them.
    calls: Sequence[Call] = ()
    classes: tuple[Any, ...] | None = None
    error = ""
    exception: BaseException | None = None
    feature_names: tuple[str, ...] | None = None
    inferred = False
    in_request = False
    opaque_ids: Mapping[int, str] = MappingProxyType({})  # those that were read, by row
    notes: tuple[str, ...] = ()  # why results of calls were left out
    probabilities: Any = None
    random_ids: tuple[int, int] | None = None
    source = 0  # id() of the model whose call gave the results
    task = ""
    undecided = ""  # why no label follows from the probabilities alone

    def __init__(self, model: str, version: str, variant: str) -> None:
        self.model = model
        self.version = version
        self.variant = variant
        self.framework = ""
        self.features: Snapshot | None = None
        # As given; Results are made of these when somebody asks.
        self.label: Any = None
        self.value: Any = None
        self.confidence: Any = None
        self.has_own_result = False
        self.results: Results | None = None
        self.rows: int | None = None
        self.stages: list[StageRecord] = []
        self.records = False  # whether its span does
        self.span: trace.Span = trace.INVALID_SPAN
        self.start_ns = self.end_ns = self.anchor_ns = self.perf_ns = 0
        self.id_text: str | None = None

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
