"""What a user holds: a prediction.

Everything here runs on the request thread, so it takes readings and copies little; the worker
does the rest. Nothing here raises but the application's own errors.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from otelml._prediction.context import current_handle, request_scope
from otelml._prediction.open import OpenPrediction
from otelml._prediction.results import keep_result
from otelml._prediction.stages import Stage

_logger = logging.getLogger("otelml")


class Prediction:
    """One prediction, of one row or a batch: a context manager, sync and async.

    Args:
        model: Name of the model; that of ``init(model=)`` by default.
        version: Version of the model.
        variant: ``champion``, ``canary``, ``shadow``, or a name of your own.
        features: What the model sees: a mapping, a row, a 2-D array, a list of mappings, a
            pandas or polars DataFrame. Values never leave the process unless asked.
    """

    __slots__ = ("_open",)

    def __init__(
        self,
        model: str | None = None,
        *,
        version: str | None = None,
        variant: str | None = None,
        features: Any = None,
    ) -> None:
        self._open = OpenPrediction(model, version, variant)
        if features is not None:
            self._open.set_features(features)

    def __enter__(self) -> Prediction:
        self._open.start(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._open.finish(exc)

    async def __aenter__(self) -> Prediction:
        self._open.start(self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._open.finish(exc)

    def stage(self, name: str) -> Stage:
        """Return a stage: ``with prediction.stage("inference"): ...``, sync or async."""
        return Stage(self._open, name)

    def set_features(self, features: Any) -> None:
        """Say what the model sees, where it was not known at the start."""
        self._open.set_features(features)

    def set_result(
        self,
        *,
        label: Any = None,
        value: Any = None,
        confidence: Any = None,
        probabilities: Any = None,
    ) -> None:
        """Say what came out; a part that makes no sense is left out with a warning.

        Args:
            label: The class, or one a row.
            value: The number of a regression, or one a row.
            confidence: 0 to 1, or one a row.
            probabilities: Shape (rows, classes), or a mapping of label to probability.
        """
        record = self._open
        if record.end_ns:
            _logger.warning(
                "otelml: set_result() of model %s came after the prediction had ended and is "
                "ignored; call it inside the block",
                record.model,
            )
            return
        record.has_own_result = True
        keep_result(record, label, value, confidence, probabilities)

    @property
    def id(self) -> str:
        """The prediction id, to hand to a client; empty without ``init``."""
        return self._open.id

    @property
    def ids(self) -> Sequence[str]:
        """One prediction id a row, for a batch."""
        return self._open.ids


def current_prediction() -> Prediction | None:
    """Return the prediction that encloses the caller; None outside one.

    In auto mode that is the prediction that the last model call of the request made, on this
    thread or on one that worked for it.
    """
    found = current_handle()
    if found is None:
        scope = request_scope.get()
        found = scope.handle() if scope is not None else None
    return found if isinstance(found, Prediction) else None
