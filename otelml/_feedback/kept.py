"""Between feedback and the store of labels, where one is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from otelml import _threads
from otelml._feedback.records import KeyRecord
from otelml._prediction import Runtime, Token, can_encrypt, current_runtime
from otelml._state import ProcessState
from otelml.config import FeedbackOptions
from otelml.exceptions import ConfigurationError, FeedbackError, MissingDependencyError

if TYPE_CHECKING:
    from otelml.labels import Label, LabelStore

_MAX_KEY = 200
_MAX_WAITING = 10_000
_stores: WeakKeyDictionary[Runtime, LabelStore] = WeakKeyDictionary()
_opening = ProcessState(_threads.RLock())


def check_store(options: FeedbackOptions) -> None:
    """Refuse a store that cannot be, while ``init`` runs.

    Raises:
        ConfigurationError: It is no URL of a database, or a source of labels is wrong.
        MissingDependencyError: The extra is not installed.
    """
    if not options.enabled:
        return
    if options.store is not None:
        from otelml.labels import check

        check(options.store)
    if options.ids == "opaque" and options.store is None:
        raise ConfigurationError('FeedbackOptions(ids="opaque") needs FeedbackOptions.store')
    if options.ids == "encrypted" and not can_encrypt():
        raise MissingDependencyError('FeedbackOptions(ids="encrypted")', "ids")
    for key in ("sources", "review_below"):
        if getattr(options, key) and options.store is None:
            raise ConfigurationError(f"FeedbackOptions.{key} needs FeedbackOptions.store")
    for source in options.sources:
        from otelml.labels.sources import check_source

        check_source(source)


def store_of(runtime: Runtime) -> LabelStore | None:
    """Return the store of a runtime, opened with the first label; None where there is none.

    Raises:
        FeedbackError: It cannot be reached.
    """
    options = runtime.config.feedback
    if options.store is None:
        return None
    with _opening.value:
        store = _stores.get(runtime)
        if store is None:
            from otelml.labels import LabelStore

            store = _stores[runtime] = LabelStore(
                options.store, max_days=options.store_days, max_rows=options.store_rows
            )
        return store


def running_store() -> tuple[LabelStore | None, Runtime | None]:
    """Return the store of the service that runs, and its running parts.

    Raises:
        FeedbackError: It cannot be reached.
    """
    runtime = current_runtime()
    return (None if runtime is None else store_of(runtime)), runtime


def let_ids_be_found(runtime: Runtime) -> None:
    """Have opaque ids looked up in the store, where there is one."""

    def find(texts: Sequence[str]) -> Mapping[str, str]:
        store = store_of(runtime)
        return {} if store is None else store.contents(texts)

    if runtime.config.feedback.store is not None:
        runtime.ids.find = find


def store_after_fork(runtime: Runtime) -> None:
    """Leave what the parent had open."""
    _opening.value = _threads.RLock()
    if runtime in _stores:
        _stores[runtime].after_fork()


def name_of(token: Token) -> str:
    """Return the name under which the store knows a prediction."""
    return f"{token.trace_id:032x}{token.span_id:016x}.{token.row}"


def kept_label(
    token: Token,
    source: str,
    actual: str,
    reviewer: str,
    time_ns: int,
    *,
    prediction_id: str = "",
) -> Label:
    """Return a label as the store keeps it."""
    from otelml.labels import Label

    return Label(name_of(token), source, actual, reviewer, time_ns, prediction_id)


def register_key(key: str, prediction_id: str) -> bool:
    """Remember a prediction by a key of the business, for labels that come by it.

    Nothing is written here: the worker does it.

    Args:
        key: Such as the number of a loan, 1 to 200 characters; the newest prediction of a key wins.
        prediction_id: The prediction's ``id``, once its result is known.

    Returns:
        Whether it is on its way; False without a store, for a wrong key, or with a full queue.
    """
    runtime = current_runtime()
    if runtime is None or runtime.config.feedback.store is None:
        return False
    if type(key) is not str or not 1 <= len(key) <= _MAX_KEY:
        return False
    return runtime.recorder.submit(KeyRecord(key, prediction_id))


class Keys:
    """What the worker does with keys: gathers them and writes them in batches.

    Args:
        runtime: The running parts: options, ids.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: list[tuple[str, str, str]] = []

    def take(self, record: KeyRecord) -> None:
        """Take one.

        Raises:
            FeedbackError: Its id is none of this service, or too many wait for the store.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise FeedbackError("the store cannot be reached, and too many keys wait", "store")
        token = self._runtime.ids.read(record.prediction_id)
        self._waiting.append((record.key, record.prediction_id, name_of(token)))

    def write(self) -> None:
        """Write what was gathered; what cannot be written waits for the next time.

        Raises:
            FeedbackError: The store cannot be reached.
        """
        store = store_of(self._runtime) if self._waiting else None
        if store is not None:
            store.register(self._waiting)
            self._waiting.clear()

    def clear(self) -> None:
        """Forget what the parent writes itself."""
        self._waiting.clear()
