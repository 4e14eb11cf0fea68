"""What predictions need while the service runs, in one object that ``init`` puts in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from otelml import _threads
from otelml._prediction.ids import Ids
from otelml._prediction.recorder import Recorder
from otelml._spans import AutoSpans, OrdinarySpans
from otelml._state import ProcessState
from otelml.config import Config


@dataclass
class ActiveCounts:
    """Predictions that have started and not ended, by model and version."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    # Re-entrant: a signal handler or a collected generator may predict on the same thread.
    lock: Any = field(default_factory=_threads.RLock)

    def change(self, key: tuple[str, str], by: int) -> None:
        """Add ``by`` to the count of ``key``."""
        with self.lock:
            counts = self.counts
            counts[key] = counts.get(key, 0) + by

    def read(self) -> list[tuple[tuple[str, str], int]]:
        """Return the counts, then forget models without a prediction: their zero is reported."""
        with self.lock:
            counts = list(self.counts.items())
            self.counts = {key: count for key, count in counts if count}
            return counts

    def reset(self) -> None:
        """Forget everything: in a forked child, what the parent had begun is not its own."""
        self.lock = _threads.RLock()
        self.counts = {}


@dataclass(eq=False)
class Runtime:
    """The parts that a prediction touches on the request thread.

    Args:
        config: The resolved configuration.
        spans: How spans are made.
        recorder: Where finished predictions go.
        ids: Makes prediction ids.
        active: Predictions under way.
        rows_kept: Rows of a batch whose features are kept.
        seen: Labels that came lately, where no store keeps them.
        shadow_distance: Takes how far a shadow's results are from the champion's.
    """

    config: Config
    spans: AutoSpans | OrdinarySpans
    recorder: Recorder
    ids: Ids
    active: ActiveCounts = field(default_factory=ActiveCounts)
    rows_kept: int = 1
    seen: Any = None
    shadow_distance: Any = None

    def __post_init__(self) -> None:
        drift = self.config.drift
        wanted = drift.max_rows if drift.enabled else 1
        self.rows_kept = max(self.config.metrics.feature_window_rows, wanted)

    def choose_spans(self) -> Any:
        """Return the way to make the spans of the next prediction."""
        return self.spans.choose()


_running: ProcessState[Runtime | None] = ProcessState(None)


def current_runtime() -> Runtime | None:
    """Return the runtime; None before ``init`` and after ``shutdown``."""
    return _running.value


def install_runtime(runtime: Runtime | None) -> None:
    """Put a runtime in place, or take it away."""
    _running.value = runtime
