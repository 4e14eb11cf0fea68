"""One prediction that passes through: what is noted of it on its way, and what is read later."""

from __future__ import annotations

from typing import Any, Final

from otelml import _guard
from otelml._prediction import Prediction, current_runtime, detach, opened
from otelml._proxy.choose import Known
from otelml._proxy.copies import Budget, Copy
from otelml._proxy.fields import NOTHING, Outcome
from otelml._proxy.headers import Headers, declared_length, is_json, value_of
from otelml._records.prediction import StageRecord

__all__ = ["Seen"]

_FAILED: Final = 400
_HELD: Final = 16_384  # bytes of an answer that is read before its head goes out


class Seen:
    """A prediction from the first byte of its request to the last of its answer.

    Its stages: ``feature_extraction`` until the upstream has the request, ``inference`` until the
    answer's head is there, ``post_processing`` until its last byte has gone out.

    Args:
        known: What the request is.
        budget: What copies of bodies may have.
        headers: Of the request.
    """

    def __init__(self, known: Known, budget: Budget, headers: Headers) -> None:
        self._known = known
        self._budget = budget
        self._prediction = Prediction(known.model, version=known.version)
        self._record = record = opened(self._prediction)
        record.start(self._prediction)
        self.request = Copy(budget, headers)
        self.answer: Copy | None = None
        self._sent_ns = self._answered_ns = self._end_ns = 0
        self._is_read = False
        self._failed = False

    # --- on the event loop ------------------------------------------------------------------

    def sent(self) -> None:
        """Take note that the upstream has the whole request."""
        self._sent_ns = self._sent_ns or self._record.now_ns()

    def answered(self, status: int, headers: Headers) -> None:
        """Take note of the head of the answer."""
        self._answered_ns = self._record.now_ns()
        self.answer = Copy(self._budget, headers)
        self._failed = status >= _FAILED
        if self._failed:
            self._record.error = str(status)

    def holds(self, headers: Headers) -> bool:
        """Whether the answer is to be read before its head goes out: its id names the label.

        Only a small one whose length is known, and not where ids are opaque: what those stand for
        is kept here, and may come later.
        """
        runtime = current_runtime()
        if runtime is None or self._failed:
            return False
        options = runtime.config.feedback
        if not (options.enabled and options.header) or options.ids == "opaque":
            return False
        length = declared_length(headers)
        packed = value_of(headers, b"content-encoding") is not None
        return length is not None and length <= _HELD and is_json(headers) and not packed

    def read_answer(self) -> None:
        """Read the label and the confidence from the answer that there is by now."""
        self._is_read = True
        if self.answer is None or self._failed:
            return
        outcome = _guard.call("proxy", _outcome, self._known, self.answer)
        if outcome is not None and outcome != NOTHING:
            self._prediction.set_result(**outcome._asdict())

    def end(self, failure: str = "") -> None:
        """Take note of its end: of its last byte, or of what ended it before.

        Args:
            failure: Why there was no answer, or no whole one; empty where there was.
        """
        record = self._record
        record.error = record.error or failure
        self._end_ns = record.now_ns()
        detach(record.token)  # what is read later is read on another thread
        record.token = None

    # --- later ------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the bodies."""
        features = _guard.call("proxy", _features, self._known, self.request)
        if features is not None:
            self._prediction.set_features(features)
        if not self._is_read:
            handed_out = self._record.id_text
            self.read_answer()
            if handed_out is not None:
                self._record.id_text = handed_out

    def close(self) -> None:
        """Hand it on, and give the copies back."""
        record = self._record
        self.request.drop()
        if self.answer is not None:
            self.answer.drop()
        if not record.start_ns:
            return
        end_ns = self._end_ns or record.now_ns()
        begun_ns = record.start_ns
        for name, until_ns in (
            ("feature_extraction", self._sent_ns),
            ("inference", self._answered_ns),
            ("post_processing", end_ns),
        ):
            stage_end_ns = max(begun_ns, until_ns or end_ns)
            record.stages.append(StageRecord(name, begun_ns, stage_end_ns, inferred=True))
            begun_ns = stage_end_ns
            if not until_ns:  # it went no further
                break
        record.finish(None, end_ns)


def _features(known: Known, copy: Copy) -> Any:
    body = copy.read()
    return None if body is None else _tried(known.body.features, body)


def _outcome(known: Known, copy: Copy) -> Outcome | None:
    body = copy.read()
    found: Outcome | None = None if body is None else _tried(known.body.outcome, body)
    return found


def _tried(read: Any, body: Any) -> Any:
    """Read a body; one that is not as its protocol says gives nothing: the upstream judges it."""
    try:
        return read(body)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
