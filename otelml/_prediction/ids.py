"""From a prediction to its id."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from otelml._prediction.reader import IdReader, codec_of
from otelml._prediction.results import results_of, row_count
from otelml._prediction.tokens import Token, names_in_token
from otelml._records.prediction import PredictionRecord
from otelml._records.results import Results
from otelml._state import ProcessState
from otelml.config import FeedbackOptions
from otelml.exceptions import FeedbackError

_MOST_MODELS: Final = 10_000
_MOST_RECENT: Final = 10_000
_own_key: ProcessState[bytes] = ProcessState(b"")


class LateIds(NamedTuple):
    """A prediction whose opaque ids were read after its end.

    Args:
        record: The prediction.
    """

    record: PredictionRecord


def own_key() -> bytes:
    """Return a key that this process made up, and its forked children have."""
    if not _own_key.value:
        _own_key.value = secrets.token_bytes(32)
    return _own_key.value


class Ids(IdReader):
    """Makes prediction ids, and reads them.

    Args:
        options: Of prediction ids.
        service: The service's name.
        submit: Takes what the worker has to keep.
        models: Models that the service is known to have: name and version.
    """

    def __init__(
        self,
        options: FeedbackOptions,
        service: str = "",
        submit: Callable[[Any], Any] = bool,
        models: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(options, codec_of(options, service, own_key()))
        self._enabled = options.enabled
        self._submit = submit
        self._is_opaque = options.ids == "opaque"
        self._learns = self.codec.accepts_unsigned
        self._known = {names_in_token(*model, "") for model in models}
        # Opaque ids whose content may not be in the store yet.
        self._recent: dict[str, tuple[PredictionRecord, int] | str] = {}

    def one(self, record: PredictionRecord) -> str:
        """Return the id of the first row of a prediction; empty where ids are turned off."""
        if self._is_opaque:
            return self._opaque(record, 0) if self._enabled else ""
        if record.id_text is None:
            made = self.codec.encode(token_of(record, 0)) if self._enabled else ""
            record.id_text = made
            if self._learns:
                self._learn(record.model, record.version, record.variant)
        return record.id_text

    def all(self, record: PredictionRecord) -> list[str]:
        """Return the id of each row of a prediction."""
        rows = range(row_count(record))
        if not self._enabled:
            return ["" for _ in rows]
        if self._is_opaque:
            return [self._opaque(record, row) for row in rows]
        if self._learns:
            self._learn(record.model, record.version, record.variant)
        return [self.codec.encode(token_of(record, row)) for row in rows]

    def shown(self, record: PredictionRecord) -> str:
        """Return the id that a prediction's span has: of opaque ones, what somebody has read."""
        return record.opaque_ids.get(0, "") if self._is_opaque else self.one(record)

    # --- opaque -----------------------------------------------------------------------------

    def _opaque(self, record: PredictionRecord, row: int) -> str:
        ids = record.opaque_ids
        if not isinstance(ids, dict):
            ids = record.opaque_ids = {}
        text = ids.get(row)
        if text is None:
            text = ids[row] = self.codec.new_opaque()
            if len(self._recent) >= _MOST_RECENT:
                with suppress(KeyError, RuntimeError, StopIteration):  # another thread was here
                    del self._recent[next(iter(self._recent))]
            self._recent[text] = record, row
            if record.end_ns:
                self._submit(LateIds(record))
        return text

    def opaque_contents(self, record: PredictionRecord) -> Iterator[tuple[str, str]]:
        """Return the opaque ids that somebody has read, and what each stands for."""
        for row, text in dict(record.opaque_ids).items():
            content = self.codec.content_of(token_of(record, row))
            if text in self._recent:
                self._recent[text] = content  # the record need not be kept any longer
            yield text, content

    def read(self, text: str, contents: Mapping[str, str] | None = None) -> Token:
        """Return what an id says; of an opaque one, before it is in the store too.

        Raises:
            FeedbackError: It is none of this service.
        """
        found = self._recent.get(text) if self._recent else None
        if found is None:
            return super().read(text, contents)
        return self.codec.token_of(found) if isinstance(found, str) else token_of(*found)

    # --- what is known of this service --------------------------------------------------------

    def accept(self, text: str, contents: Mapping[str, str] | None = None) -> Token:
        """Return what an id says, where a label for it may be taken.

        Raises:
            FeedbackError: It may not: the id is none of this service, is too old, or names a model
                that this service does not have.
        """
        token = super().accept(text, contents)
        if not token.signed and token[5:8] not in self._known:
            raise FeedbackError("this service has no such model", "model")
        return token

    def learn(self, token: Token) -> None:
        """Take note of a model that the store knows."""
        if self._learns:
            self._learn(token.model, token.version, token.variant)

    def _learn(self, model: str, version: str, variant: str) -> None:
        names = names_in_token(model, version, variant)
        if len(self._known) < _MOST_MODELS:
            self._known.add(names)


def token_of(record: PredictionRecord, row: int) -> Token:
    """Return what the id of a row says."""
    label, confidence, is_value = _row(results_of(record), row)
    ids = record.span.get_span_context()
    traced = ids.is_valid
    trace_id, span_id = ids.trace_id, ids.span_id
    if not traced:
        # Without traces the label still has to find its own prediction.
        if record.random_ids is None:
            record.random_ids = (random.getrandbits(128), random.getrandbits(64))
        trace_id, span_id = record.random_ids
    return Token(
        trace_id,
        span_id,
        record.start_ns // 1_000_000,
        row,
        confidence,
        record.model,
        record.version,
        record.variant,
        label,
        is_value,
        True,
        traced,
    )


def _row(results: Results, row: int) -> tuple[str, float, bool]:
    found = float("nan") if results.confidence is None else results.confidence
    if results.confidences is not None:
        found = float(results.confidences[row])
    if results.labels:
        return results.labels[row], found, False
    if results.values is not None:
        return repr(float(results.values[row])), found, True
    return "", found, False


__all__ = ["Ids", "LateIds", "own_key", "token_of"]
