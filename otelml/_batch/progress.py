"""How far a job is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

_EVERY_S = 10.0


class Progress(Protocol):
    """Who is told how far a job is."""

    def advance(self, rows: int, elapsed_s: float) -> None:
        """Tell that so many rows are done, after so many seconds."""
        ...

    def stop(self, rows: int, elapsed_s: float) -> None:
        """Tell the end."""
        ...


def show_progress(name: str, total: int | None, wanted: bool | None) -> Progress:
    """Return who shows the progress of a job on stderr.

    Args:
        name: The job.
        total: Its rows, where that is known.
        wanted: False for nothing; None shows a bar on a terminal, plain lines elsewhere; True as
            None.
    """
    if wanted is False or sys.stderr is None:
        return _Silent()
    return _Bar(name, total) if sys.stderr.isatty() else _Lines(name, total)


class _Silent:
    def advance(self, rows: int, elapsed_s: float) -> None:
        pass

    def stop(self, rows: int, elapsed_s: float) -> None:
        pass


class _Lines:
    def __init__(self, name: str, total: int | None) -> None:
        self._name = name
        self._total = total
        self._next_s = time.monotonic() + _EVERY_S

    def advance(self, rows: int, elapsed_s: float) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _EVERY_S
            self._print(rows, elapsed_s, "")

    def stop(self, rows: int, elapsed_s: float) -> None:
        self._print(rows, elapsed_s, " in all")

    def _print(self, rows: int, elapsed_s: float, what: str) -> None:
        of = f" of {self._total:,} ({rows / self._total:.0%})" if self._total else ""
        pace = f", {rows / elapsed_s:,.0f} rows/s" if elapsed_s > 0 else ""
        sys.stderr.write(f"batch {self._name}: {rows:,}{of} rows{what}{pace}\n")


class _Bar:
    def __init__(self, name: str, total: int | None) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar: Any = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,} rows, {task.fields[pace]:,.0f} rows/s"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(escape(f"batch {name}"), total=total, pace=0.0)
        self._bar.start()

    def advance(self, rows: int, elapsed_s: float) -> None:
        pace = rows / elapsed_s if elapsed_s > 0 else 0.0
        self._bar.update(self._task, completed=rows, pace=pace)

    def stop(self, rows: int, elapsed_s: float) -> None:
        self.advance(rows, elapsed_s)
        self._bar.stop()
