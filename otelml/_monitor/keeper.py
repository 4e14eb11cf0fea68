"""Writes what was learned into the file of its reference, on a thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from otelml import _guard, _threads
from otelml.exceptions import InvalidReferenceError
from otelml.reference import Learned, Reference

_MOST = 100


class Keeper:
    """Keeps what the models of a process learned."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Reference, Mapping[str, Learned]]] = deque(maxlen=_MOST)
        self._lock = _threads.Lock()
        self._is_writing = False
        self._written = _threads.Event()
        self._written.set()

    def keep(self, reference: Reference, learned: Mapping[str, Learned]) -> None:
        """Have it written soon; on the worker.

        Args:
            reference: One that was read from a file; of others there is nothing to write to.
            learned: By feature.
        """
        if reference.path is None or not learned:
            return
        self._waiting.append((reference, learned))
        with self._lock:
            if self._is_writing:
                return
            self._is_writing = True
            self._written.clear()
        try:
            _threads.Thread(self._write_all, (), name="otelml-margins").start()
        except RuntimeError as error:  # not before the fork
            self._is_writing = False
            self._written.set()
            _guard.report("drift margins", error, expected=True)

    def _write_all(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._is_writing = False
                    self._written.set()
                    return
                reference, learned = self._waiting.popleft()
            _guard.contain("drift margins", self._write, reference, learned)

    @staticmethod
    def _write(reference: Reference, learned: Mapping[str, Learned]) -> None:
        try:
            reference.keep(learned)
        except (
            InvalidReferenceError
        ) as error:  # a file that may only be read, such as a mounted one
            _guard.report("drift margins", error, expected=True)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is written; return whether it is.

        Args:
            timeout_s: Seconds to wait.
        """
        return self._written.wait(timeout_s)
