"""Measurements straight into the SDK's aggregations, where the SDK has them.

Recording through the API cleans and hashes the attributes each time, which is most of its cost;
the worker records the same few streams over and over. A :class:`BoundStream` looks the stream's
aggregations up once and hands later measurements to them: the same objects, so temporality,
views, readers and exemplars are the SDK's own. Where anything looks otherwise than expected
(another SDK, a foreign meter), measurements go through the API.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from opentelemetry import trace
from opentelemetry.context import Context

_NO_CONTEXT = Context()
_EXEMPLAR_INTERVAL_NS = 100_000_000
_FEW = 16
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
        "_offered", "_storages", "_write",
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

    def write(self, amount: float, time_ns: int, span: trace.Span | None) -> None:
        """Record ``amount``; ``span`` gives its exemplar the ids."""
        consumer = self._consumer
        storages = getattr(consumer, "_reader_storages", None)
        if storages is None or storages is not self._storages or not self._aggregates:
            context = trace.set_span_in_context(span, _NO_CONTEXT) if span is not None else None
            self._write(amount, self._attributes, context)
            self._bind(consumer, storages)
            return
        within, sampled = _NO_CONTEXT, False
        if span is not None and self._is_due(amount, time_ns):
            within = trace.set_span_in_context(span, _NO_CONTEXT)
            sampled = self._filter(amount, time_ns, self._attributes, within)
        measured = _Measured(amount, time_ns, self._instrument, within, self._attributes)
        for aggregate in self._aggregates:
            aggregate(measured, sampled)

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
        rest = amounts[len(few) :]
        if not len(rest):
            return
        bound = [aggregate.__self__ for aggregate in self._aggregates]
        if bound and all(hasattr(each, name) for each in bound for name in _HISTOGRAM_PARTS):
            for aggregation in bound:
                _add_all(aggregation, rest)
        else:
            for amount in rest.tolist():
                self.write(amount, time_ns, span)

    def _is_due(self, amount: float, time_ns: int) -> bool:
        """Whether a bucket may have a new exemplar: ten a second are more than anyone reads."""
        bucket = bisect_left(self._boundaries, amount)
        if 0 <= time_ns - self._offered.get(bucket, 0) < _EXEMPLAR_INTERVAL_NS:
            return False
        self._offered[bucket] = time_ns
        return True

    def _bind(self, consumer: Any, storages: Any) -> None:
        self._storages = storages
        self._aggregates = []
        try:
            found = [
                match._attributes_aggregation[_key(match, self._attributes)].aggregate  # noqa: SLF001 - see the module
                for storage in storages.values()
                for match in storage._instrument_view_instrument_matches[self._instrument]  # noqa: SLF001 - as above
            ]
            self._filter = consumer._sdk_config.exemplar_filter.should_sample  # noqa: SLF001 - as above
        except (AttributeError, KeyError, TypeError):
            self._storages = None  # try again: the API has the last word until then
            return
        self._aggregates = found
        self._boundaries = getattr(found[0].__self__, "_boundaries", ()) if found else ()


def _add_all(aggregation: Any, amounts: npt.NDArray[np.float64]) -> None:
    """Do what an explicit-bucket histogram does for each amount, for all of them."""
    places = np.searchsorted(aggregation._boundaries, amounts, side="left")  # noqa: SLF001 - see the module
    counts = np.bincount(places, minlength=len(aggregation._boundaries) + 1).tolist()  # noqa: SLF001 - as above
    with aggregation._lock:  # noqa: SLF001 - as above
        if aggregation._value is None:  # noqa: SLF001 - as above
            aggregation._value = [0] * len(counts)  # noqa: SLF001 - as above
        aggregation._value = [a + b for a, b in zip(aggregation._value, counts, strict=True)]  # noqa: SLF001 - as above
        aggregation._sum += float(amounts.sum())  # noqa: SLF001 - as above
        if aggregation._record_min_max:  # noqa: SLF001 - as above
            aggregation._min = min(aggregation._min, float(amounts.min()))  # noqa: SLF001 - as above
            aggregation._max = max(aggregation._max, float(amounts.max()))  # noqa: SLF001 - as above


def _key(match: Any, attributes: dict[str, str]) -> Any:
    if match._view._attribute_keys is not None:  # noqa: SLF001 - a view that drops attributes
        raise KeyError
    values = match._attributes_aggregation  # noqa: SLF001 - see the module
    for key in values:
        if dict(_pairs(key)) == attributes:
            return key
    raise KeyError


def _pairs(key: Any) -> list[tuple[str, str]]:
    _, pairs = key
    return [(name, value) for name, (_, value) in pairs]
