"""One engine as a process: start, watch, stop, and what it said last."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

STOP_GRACE_S = 20.0


class StackError(Exception):
    """An engine did not start, died, or a port is taken; the message holds the end of its log."""


class Process:
    """A child process whose output goes to a file.

    It leads a session of its own: a Ctrl-C in the terminal reaches only its parent, which then
    stops all of them in order.

    Args:
        name: What to call it in messages.
        command: The program and its arguments.
        environment: Added to this process's environment.
        log: Where standard output and error go, appended.
        cwd: Its working directory.
    """

    def __init__(
        self, name: str, command: list[str], environment: dict[str, str], log: Path, cwd: Path
    ) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.log = log
        self._cwd = cwd
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id.

        Raises:
            StackError: If it has not been started.
        """
        if self._popen is None:
            raise StackError(f"{self.name} has not been started")
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs or before it was started."""
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.alive:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                self.command,
                cwd=self._cwd,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._popen is not None and self.alive:
            self._popen.send_signal(number)

    def wait(self, timeout_s: float = STOP_GRACE_S) -> int | None:
        """Wait for its end, by force after ``timeout_s``; return its exit code."""
        if self._popen is None:
            return None
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()

    def stop(self, timeout_s: float = STOP_GRACE_S) -> int | None:
        """Ask it to end and wait; return its exit code, None if it never ran."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def tail(self, lines: int = 20) -> str:
        """Return the last lines it wrote, each cut to 400 characters."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as handle:
            handle.seek(max(0, self.log.stat().st_size - 64_000))
            text = handle.read().decode(errors="replace")
        return "\n".join("  " + line[:400] for line in text.splitlines()[-lines:])


def port_is_free(port: int) -> bool:
    """Tell whether nothing listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(
    port: int,
    path: str,
    timeout_s: float = 2.0,
    *,
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> bool:
    """Tell whether ``GET path`` on a loopback port answers 200; with a context, over TLS."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_s, context=context)
        if context
        else http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    )
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until_free(ports: list[int], timeout_s: float = 10.0) -> list[int]:
    """Wait for ports to be free; return those that still are not."""
    deadline = time.monotonic() + timeout_s
    while (taken := [port for port in ports if not port_is_free(port)]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.1)
    return taken
