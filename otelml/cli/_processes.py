"""Child processes that start together, are watched together, and end together."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from otelml.exceptions import OtelmlError

_STOP_S = 20.0
_POLL_S = 0.1
_TAIL_LINES = 15


@dataclass
class Child:
    """A process of the group.

    Args:
        name: What it is called in messages.
        process: The process.
        log: The file that its output goes to; None where it has the terminal.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None

    def tail(self) -> str:
        """Return the last lines that it printed."""
        if self.log is None or not self.log.exists():
            return ""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])


class ProcessGroup:
    """Processes that end together; a context manager.

    Args:
        folder: Where the output of the processes goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.children: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        on_terminal: bool = False,
    ) -> Child:
        """Start a Python process of the group.

        Args:
            name: What it is called in messages.
            command: Arguments of the interpreter.
            environment: Its environment.
            on_terminal: Whether it writes to the terminal rather than to a file.
        """
        log = None if on_terminal else self._folder / f"{name}.log"
        with contextlib.ExitStack() as stack:
            out = None if log is None else stack.enter_context(log.open("wb"))
            # A session of its own: Ctrl-C reaches this process alone, which ends them in order.
            process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT if out is not None else None,
                env=dict(environment),
                start_new_session=True,
            )
        child = Child(name, process, log)
        self.children.append(child)
        return child

    def wait_until_up(self, child: Child, url: str, timeout_s: float) -> None:
        """Wait until ``url`` answers.

        Raises:
            OtelmlError: The process ended, or did not answer in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if child.process.poll() is not None:
                raise OtelmlError(f"the {child.name} did not start:\n{child.tail()}")
            try:
                with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - our own loopback URL
                    return
            except urllib.error.HTTPError:
                return
            except (OSError, ValueError):
                time.sleep(_POLL_S)
        raise OtelmlError(f"the {child.name} did not answer at {url} within {timeout_s:.0f} s")

    def ended(self) -> Child | None:
        """Return a process that has ended, if any."""
        return next((c for c in self.children if c.process.poll() is not None), None)

    def stop(self) -> None:
        """End all, the last started first; what does not end in time is killed."""
        for child in reversed(self.children):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                try:
                    child.process.wait(_STOP_S)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
