"""Labels that arrive later: checked, de-duplicated, and sent to where their prediction went."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from opentelemetry.context import get_current

from otelml import semconv
from otelml._feedback.checking import checked
from otelml._feedback.kept import kept_label, let_ids_be_found, store_after_fork, store_of
from otelml._feedback.records import FeedbackRecord, FeedbackResult, RejectedRecord
from otelml._feedback.seen import MOST_SOURCES, Said, Seen
from otelml._label_options import precedence
from otelml._prediction import Runtime, Token, current_runtime
from otelml._prediction.tokens import same_label
from otelml.exceptions import FeedbackError


def prepare_feedback(runtime: Runtime) -> None:
    """Make what labels of a service need, before requests do."""
    _seen_by(runtime)
    let_ids_be_found(runtime)


def _seen_by(runtime: Runtime) -> Seen:
    seen: Seen | None = runtime.seen
    if seen is None:
        seen = runtime.seen = Seen(runtime.config.feedback.remember)
    return seen


def _stored(
    runtime: Runtime, token: Token, said: Said, who: str, prediction_id: str
) -> tuple[str | None, tuple[Said, ...]]:
    """Keep a label on disk.

    Returns:
        The one before of the same source, and what all sources say now.
    """
    store = store_of(runtime)
    if store is None:
        raise FeedbackError("the store of labels has gone", "store")
    label = kept_label(token, *said[:2], who, said.time_ns, prediction_id=prediction_id)
    put = store.put(label, most=MOST_SOURCES)
    return put.previous, tuple(Said(o.source, o.actual, o.time_ns) for o in put.standing)


def feedback_after_fork(runtime: Runtime) -> None:
    """Replace the locks, which another thread of the parent may have held."""
    store_after_fork(runtime)
    if runtime.seen is not None:
        runtime.seen.after_fork()


def _outcome(token: Token, actual: str, previous: str | None) -> str:
    if previous is not None:
        return semconv.OUTCOME_DUPLICATE if previous == actual else semconv.OUTCOME_CONFLICT
    if not token.label or token.is_value:
        return semconv.OUTCOME_RECORDED
    same = token.label == actual or same_label(token.label, actual)
    return semconv.OUTCOME_CORRECT if same else semconv.OUTCOME_WRONG


def feedback(
    prediction_id: str,
    actual: Any,
    *,
    source: str = "api",
    reviewer: str | None = None,
    timestamp: datetime | float | None = None,
) -> FeedbackResult:
    """Say what was true for an earlier prediction, on any replica, hours later too.

    Args:
        prediction_id: What the prediction's ``id`` was.
        actual: The true label, or the true number of a regression.
        source: Where the label comes from; the newest of one source wins.
        reviewer: Who gave it.
        timestamp: When it became known: a datetime or seconds since the epoch; now by default.

    Raises:
        FeedbackError: The id is forged, damaged or another service's, or the label is not usable.
            This is the one call of otelml that raises while a service runs: it answers a client.
    """
    start_ns = time.time_ns()
    runtime = current_runtime()
    if runtime is None:
        raise FeedbackError("otelml.init() has not been called in this process", "disabled")
    options = runtime.config.feedback
    if not options.enabled:
        raise FeedbackError("feedback is turned off in this service", "disabled")
    try:
        token, origin, label, who, when = checked(
            prediction_id, actual, source, reviewer, timestamp, runtime.ids.accept
        )
        said = tuple.__new__(Said, (origin, label, when))
        if options.store is None:
            previous, standing = _seen_by(runtime).exchange(
                (token.trace_id, token.span_id, token.row), said
            )
        else:
            previous, standing = _stored(runtime, token, said, who, prediction_id)
    except FeedbackError as error:
        runtime.recorder.submit(RejectedRecord(error.reason))
        raise
    result = result_of(token, said, previous)
    by, counts, differs = decided(standing, said, options.trust)
    end_ns = time.time_ns()
    if end_ns <= start_ns:  # a span of no length is a negative one to Jaeger
        end_ns = start_ns + 1
    context = get_current()
    runtime.recorder.submit(
        tuple.__new__(  # half of what a call of the class takes: a request waits for it
            FeedbackRecord,
            (
                token,
                result,
                origin,
                who,
                when,
                previous,
                context,
                start_ns,
                end_ns,
                by,
                counts,
                differs,
            ),
        )
    )
    return result


def result_of(token: Token, said: Said, previous: str | None) -> FeedbackResult:
    """Return what became of a label, given the one before of the same source."""
    delay = max(0.0, said.time_ns / 1e9 - token.time_ms / 1e3)
    outcome = _outcome(token, said.actual, previous)
    return FeedbackResult(token.model, token.version, token.label, said.actual, outcome, delay)


class Decided(NamedTuple):
    """What a label means beside those of other sources.

    Args:
        decided_by: The source whose label counts now.
        counts: Whether that is this label.
        differs: Whether another source says something else.
    """

    decided_by: str
    counts: bool
    differs: bool


def decided(standing: Sequence[Said], said: Said, trust: Sequence[str]) -> Decided:
    """Return what a label means beside those of other sources.

    Args:
        standing: What all sources say of the prediction now.
        said: The label that came.
        trust: Sources, the most trusted first.
    """
    if len(standing) == 1:  # of this source alone, as nearly always
        counts = standing[0] is said or standing[0] == said
        return tuple.__new__(Decided, (said.source, counts, False))
    chosen = min(standing, key=lambda one: precedence(one.source, one.time_ns, trust))
    differs = any(one.source != said.source and one.actual != said.actual for one in standing)
    return Decided(chosen.source, chosen == said, differs)
