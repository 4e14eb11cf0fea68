"""What has ended, and completes itself on the worker."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Takes measurements one by one, and writes those of a run of records at once."""

    def write_gathered(self) -> None:
        """Record what was gathered."""
        ...


class Finished:
    """A record that knows itself what becomes of it, such as a request of an HTTP server."""

    __slots__ = ()

    def finish(self) -> Sink | None:
        """Complete it; return what is to be written after a run of records, if anything is."""
        raise NotImplementedError
