"""Measurements straight into the SDK's aggregations, where the SDK has them.

Recording through the API cleans and hashes the attributes each time, which is most of its cost;
the worker records the same few streams over and over. A :class:`BoundStream` looks the stream's
aggregations up once and hands later measurements to them: the same objects, so temporality,
views, readers and exemplars are the SDK's own. Where each collection makes them anew (deltas, from
1.45.2 on), their keeper takes measurements (``renewed.py``). Where anything is otherwise than
expected (another SDK, a foreign meter), or fails, measurements go through the API.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import compress, repeat
from operator import le
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from opentelemetry import trace
from opentelemetry.context import Context

from otelml import _fast_paths, _guard
from otelml._metrics.renewed import Renewed, aggregation_of, current, is_renewed

_NO_CONTEXT = Context()
_EXEMPLAR_INTERVAL_NS = 100_000_000
_FEW = 16
_MANY = 128
_RAREST_LOOK = 1024
_HISTOGRAM_PARTS = ("_boundaries", "_lock", "_value", "_sum", "_min", "_max", "_record_min_max")


class _Measured(NamedTuple):
    """What an aggregation reads of a measurement."""

    value: float
    time_unix_nano: int
    instrument: Any
    context: Context
    attributes: dict[str, str]


class BoundStream:
    """One stream of one synchronous instrument.

    Args:
        instrument: The instrument, of any SDK.
        write: Its ``add`` or ``record``.
        attributes: The stream's attributes.
    """

    __slots__ = (
        "_aggregates", "_attributes", "_boundaries", "_consumer", "_filter", "_instrument",
        "_look_in", "_misses", "_offered", "_storages", "_write", "gathered",
    )  # fmt: skip

    def __init__(
        self, instrument: Any, write: Callable[..., None], attributes: dict[str, str]
    ) -> None:
        self._instrument = instrument
        self._write = write
        self._attributes = attributes
        self._consumer = getattr(instrument, "_measurement_consumer", None)
        self._boundaries: Sequence[float] = ()
        self._offered: dict[int, int] = {}
        self._storages: Any = None
        self._aggregates: list[Any] = []
        self._filter: Any = None
        self._misses = 0
        self._look_in = 0
        self.gathered: list[tuple[float, int, trace.Span | None]] = []

    @property
    def is_bound(self) -> bool:
        """Whether measurements go straight to the aggregations."""
        return bool(self._aggregates)

    def has(self, key: Sequence[tuple[str, str]]) -> bool:
        """Whether its attributes are ``key``, in that order."""
        return tuple(self._attributes.items()) == key

    def write(self, amount: float, time_ns: int, span: trace.Span | None) -> None:
        """Record ``amount``; ``span`` gives its exemplar the ids."""
        consumer = self._consumer
        storages = getattr(consumer, "_reader_storages", None)
        known = storages is not None and storages is self._storages
        if not known or not self._aggregates or not math.isfinite(amount):
            self._write_by_api(amount, span)
            if storages is not None and not _fast_paths.is_off(_fast_paths.METRICS):
                self._look(consumer, storages)
            return
        if not _guard.quietly(self._write_bound, amount, time_ns, span, default=False):
            _fast_paths.turn_off(_fast_paths.METRICS, "an aggregation refused a measurement")
            self._aggregates = []
            self._write_by_api(amount, span)

    def _write_by_api(self, amount: float, span: trace.Span | None) -> None:
        context = trace.set_span_in_context(span, _NO_CONTEXT) if span is not None else None
        self._write(amount, self._attributes, context)

    def _write_bound(self, amount: float, time_ns: int, span: trace.Span | None) -> bool:
        within, sampled = _NO_CONTEXT, False
        if span is not None and self._is_due(amount, time_ns):
            within = trace.set_span_in_context(span, _NO_CONTEXT)
            sampled = self._filter(amount, time_ns, self._attributes, within)
        measured = _Measured(amount, time_ns, self._instrument, within, self._attributes)
        for aggregate in self._aggregates:
            aggregate(measured, sampled)
        return True

    def write_all(
        self, amounts: npt.NDArray[np.float64], time_ns: int, span: trace.Span | None
    ) -> None:
        """Record many amounts at once.

        Args:
            amounts: Shape (n,), finite.
            time_ns: When, nanoseconds since the epoch.
            span: Gives their exemplars the ids.
        """
        few = amounts if len(amounts) <= _FEW else amounts[:1]
        for amount in few.tolist():
            self.write(amount, time_ns, span)
        self._add_up(amounts[len(few) :])

    def write_gathered(self) -> None:
        """Record what was gathered, in one run."""
        gathered, self.gathered = self.gathered, []
        if gathered:
            amounts, times_ns, spans = zip(*gathered, strict=True)
            self.write_run(list(amounts), times_ns, spans)

    def write_run(
        self,
        amounts: list[float],
        times_ns: Sequence[int],
        spans: Sequence[trace.Span | None],
    ) -> None:
        """Record amounts, as one by one: only what may become an exemplar takes the long way.

        Args:
            amounts: The amounts.
            times_ns: When, each, nanoseconds since the epoch.
            spans: Whose ids its exemplar would have, each.
        """
        known = self._aggregates and math.isfinite(sum(amounts))
        # In the order of time, as nearly always, no loop of Python's over all of them is needed.
        if not known or None in spans or not all(map(le, times_ns, times_ns[1:])):
            for amount, time_ns, span in zip(amounts, times_ns, spans, strict=True):
                self.write(amount, time_ns, span)
            return
        due = self._due(list(map(bisect_left, repeat(self._boundaries), amounts)), times_ns)
        for place in due:
            self.write(amounts[place], times_ns[place], spans[place])
        if due:
            amounts = amounts.copy()
            for place in sorted(due, reverse=True):
                del amounts[place]
        self._add_up(amounts)

    def _due(self, buckets: list[int], times_ns: Sequence[int]) -> list[int]:
        """Return the places of what may become an exemplar, as ``_is_due`` would find them."""
        due: list[int] = []
        for bucket in set(buckets):
            places = list(compress(range(len(buckets)), map(bucket.__eq__, buckets)))
            times = [times_ns[place] for place in places]
            last, at = self._offered.get(bucket, 0), 0
            while at < len(times):
                if not 0 <= times[at] - last < _EXEMPLAR_INTERVAL_NS:
                    due.append(places[at])
                    last = times[at]
                    at += 1
                at = bisect_left(times, last + _EXEMPLAR_INTERVAL_NS, at)
        return due

    def _add_up(self, rest: Sequence[float] | npt.NDArray[np.float64]) -> None:
        """Record amounts that need no exemplar, all at once where that can be done."""
        if not len(rest):
            return
        if len(rest) > 1 and any(isinstance(each.__self__, Renewed) for each in self._aggregates):
            self.write(float(rest[0]), 0, None)  # so that there is one to add to
            rest = rest[1:]
        as_known = True
        with ExitStack() as held:
            bound = [current(aggregate.__self__, held) for aggregate in self._aggregates]
            if (
                bound
                and not _fast_paths.is_off(_fast_paths.HISTOGRAMS)
                and all(hasattr(each, name) for each in bound for name in _HISTOGRAM_PARTS)
            ):
                added = [_guard.quietly(_prepared, each, rest) for each in bound]
                ready = [add for add in added if add is not None]
                as_known = len(ready) == len(bound)
                if as_known:
                    for add in ready:
                        add()
                    return
        if not as_known:  # said once no collection waits for us
            _fast_paths.turn_off(_fast_paths.HISTOGRAMS, "a histogram's parts are not as known")
        for amount in rest if isinstance(rest, list) else np.asarray(rest).tolist():
            self.write(amount, 0, None)

    def _is_due(self, amount: float, time_ns: int) -> bool:
        """Whether a bucket may have a new exemplar: ten a second are more than anyone reads."""
        bucket = bisect_left(self._boundaries, amount)
        if 0 <= time_ns - self._offered.get(bucket, 0) < _EXEMPLAR_INTERVAL_NS:
            return False
        self._offered[bucket] = time_ns
        return True

    def _look(self, consumer: Any, storages: Any) -> None:
        """Look for the aggregations, less and less often where they are not found."""
        if self._look_in > 0:
            self._look_in -= 1
            return
        found = _guard.quietly(self._found, consumer, storages)
        if not found:
            self._misses += 1
            self._look_in = min(2**self._misses, _RAREST_LOOK)
            return
        self._misses = 0
        self._storages = storages
        self._aggregates, self._filter, self._boundaries = found

    def _found(self, consumer: Any, storages: Any) -> tuple[list[Any], Any, Sequence[float]] | None:
        found = [
            (match, aggregation_of(match, self._attributes))
            for storage in storages.values()
            for match in storage._instrument_view_instrument_matches[self._instrument]  # noqa: SLF001 - see the module
        ]
        if not found:
            return None
        aggregates = [
            Renewed(match, self._attributes).aggregate if is_renewed(match) else own.aggregate
            for match, own in found
        ]
        ask = consumer._sdk_config.exemplar_filter.should_sample  # noqa: SLF001 - as above
        return aggregates, ask, getattr(found[0][1], "_boundaries", ())


def _prepared(
    aggregation: Any, amounts: Sequence[float] | npt.NDArray[np.float64]
) -> Callable[[], None]:
    """Return what does to an explicit-bucket histogram what each amount does, for all of them.

    All that may fail on a histogram of another making is done before anything is changed.
    """
    boundaries = aggregation._boundaries  # noqa: SLF001 - see the module
    counts, least, most, total = _summary(boundaries, amounts)
    lock, value = aggregation._lock, aggregation._value  # noqa: SLF001 - as above
    if value is not None and len(value) != len(counts):
        raise ValueError("another number of buckets")
    if not (hasattr(lock, "__enter__") and aggregation._sum + total is not None):  # noqa: SLF001 - as above
        raise TypeError("another lock")

    def add() -> None:
        with lock:
            before = aggregation._value or [0] * len(counts)  # noqa: SLF001 - as above
            aggregation._value = [a + b for a, b in zip(before, counts, strict=True)]  # noqa: SLF001 - as above
            aggregation._sum += total  # noqa: SLF001 - as above
            if aggregation._record_min_max:  # noqa: SLF001 - as above
                aggregation._min = min(aggregation._min, least)  # noqa: SLF001 - as above
                aggregation._max = max(aggregation._max, most)  # noqa: SLF001 - as above

    return add


def _summary(
    boundaries: Sequence[float], amounts: Sequence[float] | npt.NDArray[np.float64]
) -> tuple[list[int], float, float, float]:
    """Return counts by bucket, least, most and sum of finite amounts."""
    if isinstance(amounts, list) and len(amounts) <= _MANY:  # numpy would be slower
        counts = [0] * (len(boundaries) + 1)
        for place, many in Counter(map(bisect_left, repeat(boundaries), amounts)).items():
            counts[place] = many
        least, most, total = min(amounts), max(amounts), math.fsum(amounts)
    else:
        array = np.asarray(amounts, np.float64)
        places = np.searchsorted(boundaries, array, side="left")
        counts = np.bincount(places, minlength=len(boundaries) + 1).tolist()
        least, most, total = float(array.min()), float(array.max()), float(array.sum())
    if not math.isfinite(total):
        raise ValueError("not finite")
    return counts, least, most, total
