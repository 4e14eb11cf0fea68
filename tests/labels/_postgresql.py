"""A real PostgreSQL on loopback, in a folder of its own, as a user that is not root."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

_START_S = 60


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        pytest.fail("PostgreSQL is missing: run tests/install-postgresql")
    return program


def _as_own_user() -> list[str]:
    """Return what a command begins with: PostgreSQL refuses to run as root."""
    if os.getuid():
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgresql:
    """A server with an empty database; it can be killed and started again.

    Args:
        url: Where it is, as SQLAlchemy writes it.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="otelml-postgresql-"))
        if not os.getuid():
            shutil.chown(self._folder, "postgres", "postgres")
        self.port = free_port()
        data = self._folder / "data"
        self._run([_program("initdb"), "-D", str(data), "-U", "labels", "-A", "trust", "-N"])
        self._command = [
            *_as_own_user(), _program("postgres"), "-D", str(data), "-p", str(self.port),
            "-c", "listen_addresses=127.0.0.1", "-k", str(self._folder),
            "-c", "shared_buffers=32MB", "-c", "max_connections=30",
        ]  # fmt: skip
        self.url = f"postgresql+psycopg://labels@127.0.0.1:{self.port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def _run(self, command: list[str]) -> None:
        done = subprocess.run([*_as_own_user(), *command], cwd=self._folder, capture_output=True, text=True, check=False)  # fmt: skip
        assert not done.returncode, done.stderr

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, stderr=log, stdout=log
            )
        ready = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + _START_S
        while subprocess.run(ready, check=False).returncode:
            assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a power cut would: its processes, without a word."""
        children = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=False)  # fmt: skip
        os.kill(self._process.pid, signal.SIGKILL)
        for pid in children.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self._process.wait(timeout=30)
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def create(self, name: str) -> str:
        """Make a database; return its URL."""
        self._run(
            [_program("createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "labels", name]
        )
        return self.url.rpartition("/")[0] + f"/{name}"

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            self._process.wait(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)
