"""What a test needs of the service that it tests: its options, and its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from otelml._startup.init import adopt as _adopt
from otelml._startup.telemetry import Telemetry, current
from otelml.config import Config

if TYPE_CHECKING:
    from otelml._startup.pipeline import Pipeline

__all__ = ["Adopted", "in_place_of_service", "service_config"]

# Its instruments cannot be taken back; a test counts what the service does.
_STAYS = "system"


class Adopted(Telemetry):
    """What ``init`` returns while a test captures what it would export.

    Args:
        config: The options of that ``init``.
        pipeline: What is captured.
    """

    def __init__(self, config: Config, pipeline: Pipeline) -> None:
        self.config = config
        self._pipeline = pipeline

    def force_flush(self, timeout_s: float = 5.0) -> bool:
        """Work off what has ended; return whether that was done in time.

        Args:
            timeout_s: Seconds that it may take.
        """
        return self._pipeline.flush(time.monotonic() + timeout_s)

    def shutdown(self, timeout_s: float | None = None) -> bool:
        """Do nothing: the test ends the capture.

        Args:
            timeout_s: Of no use here.
        """
        del timeout_s
        return True

    def status(self) -> dict[str, Any]:
        """Return what waits and what was dropped."""
        return {"worker": self._pipeline.status()}


def service_config() -> Config | None:
    """Return the options of the telemetry that runs; None where there is none."""
    running = current.value
    return running.config if running is not None else None


@contextmanager
def in_place_of_service(
    adopt: Callable[[Config, Any, Any], Telemetry],
) -> Generator[None]:
    """Have nothing else instrumented during the block, and ``init`` answered by ``adopt``.

    Args:
        adopt: Takes the options, the application and the reference of an ``init`` during the block.
    """
    from otelml import instrumentors

    running = current.value
    before = _adopt.exchange(adopt)
    aside: dict[str, Callable[[], None]] = {}
    if running is not None:
        done = running._instrumented  # noqa: SLF001 - of this room
        aside = {name: done.pop(name) for name in list(done) if name != _STAYS}
        instrumentors.uninstrument(aside)
    try:
        yield
    finally:
        _adopt.value = before
        if running is not None and current.value is running:
            running._instrument_rest()  # noqa: SLF001 - of this room
