"""What the store does not take because of its time, with the reason."""

from __future__ import annotations

from typing import Protocol, TypeVar

from otelml.viewer.records import EXPIRED, FUTURE, Batch

# A clock that is a little ahead is common; far ahead, an item would hold up its whole series.
MAX_AHEAD_S = 600
_NS = 1_000_000_000


class _Timed(Protocol):
    @property
    def time_ns(self) -> int: ...


_T = TypeVar("_T", bound=_Timed)


def admit(batch: Batch, now_ns: int, retention_s: float) -> None:
    """Take out of a batch what lies beyond retention or too far ahead, and count it there.

    Args:
        batch: Changed in place; a second call finds nothing more.
        now_ns: The time, in nanoseconds since the epoch.
        retention_s: Seconds after which the store deletes.
    """
    oldest_ns, newest_ns = now_ns - int(retention_s * _NS), now_ns + MAX_AHEAD_S * _NS
    late = f"older than the {retention_s:g} s that the viewer keeps"
    ahead = f"more than {MAX_AHEAD_S} s ahead of the viewer's clock"

    def kept(items: list[_T], times: list[int]) -> list[_T]:
        if not times or (oldest_ns <= min(times) and max(times) <= newest_ns):
            return items  # as nearly always
        found = [item for item in items if oldest_ns <= item.time_ns <= newest_ns]
        early = sum(item.time_ns < oldest_ns for item in items)
        batch.reject(late, EXPIRED, early)
        batch.reject(ahead, FUTURE, len(items) - len(found) - early)
        return found

    batch.spans = kept(batch.spans, [span.start_ns for span in batch.spans])
    batch.logs = kept(batch.logs, [log.time_ns for log in batch.logs])
    for metric in batch.metrics:
        metric.points = kept(metric.points, [point.time_ns for point in metric.points])
    batch.metrics = [metric for metric in batch.metrics if metric.points]
