"""Run the whole stack without containers: ``python3 -m engines.stack``.

All engines are started, waited for, watched and stopped together; everything they write is under
one folder. Tests use the `Stack` class.
"""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from engines.build import BuildError
from engines.launch import COLLECTOR_BASE, Site, launch
from engines.process import Process, StackError, answers, wait_until_free
from engines.secrets import USER, Access, SecretsError, make
from engines.table import ROOT, START_ORDER, TABLE, Ports

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

START_TIMEOUT_S = 90.0
URLS = {
    "collector": ("otlp_http", "OTLP over HTTP; gRPC beside it"),
    "prometheus": ("http", "metrics"),
    "jaeger": ("http", "traces"),
    "victorialogs": ("http", "logs"),
    "alertmanager": ("http", "alerts"),
}
# Counts and a state, to be read by who is on this machine: these ask nobody who they are.
OPEN_PORTS = ("metrics", "health")
OTLP_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
OTLP_CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"


class Stack:
    """The engines as one thing that starts and stops.

    Args:
        data: Where everything is written; made if need be, locked while the stack runs.
        ports: Their ports.
        engines: Which of them; all by default.
        flags: Further arguments by engine.
        environment: Further environment by engine.
        collector_configs: Files laid over the Collector's configuration, in order.
        collector_base: That configuration; by default with logs going to VictoriaLogs.
        access: What every listener asks for (`engines.secrets.make`); None lets everybody in.
        say: Whether to print progress.

    Example::

        with Stack(tmp_path, Ports(offset=20000)) as stack:
            send_to(stack.url("collector"))
            stack.kill("victorialogs")
            stack.restart("victorialogs")
    """

    def __init__(
        self,
        data: Path,
        ports: Ports | None = None,
        *,
        engines: tuple[str, ...] = START_ORDER,
        flags: dict[str, list[str]] | None = None,
        environment: dict[str, dict[str, str]] | None = None,
        collector_configs: tuple[Path, ...] = (),
        collector_base: tuple[Path, ...] = COLLECTOR_BASE,
        access: Access | None = None,
        say: bool = False,
    ) -> None:
        if unknown := set(engines) - set(TABLE):
            raise ValueError(f"unknown engines {sorted(unknown)}; known are {sorted(TABLE)}")
        self.data = data.resolve()
        self.ports = ports or Ports()
        self.engines = tuple(name for name in START_ORDER if name in engines)
        self.site = Site(
            self.data,
            self.ports,
            flags or {},
            environment or {},
            tuple(collector_configs),
            collector_base,
            access,
        )
        self.access = access
        self._say = say
        self._lock: IO[str] | None = None
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start every engine and wait until all are healthy.

        Raises:
            engines.build.BuildError: If an engine has not been built.
            StackError: If a port is taken, the data folder is in use, an engine dies or is not
                healthy in time; what had been started is stopped again.
        """
        launches = {name: launch(name, self.site) for name in self.engines}
        self._take_data()
        try:
            self._require_ports(self.engines)
            for name, how in launches.items():
                log = self.data / "logs" / f"{name}.log"
                self._processes[name] = Process(name, how.command, how.environment, log, ROOT)
                self._processes[name].start()
            self.wait_healthy(self.engines, timeout_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop every engine, the Collector first so that its backends still take what it has."""
        running = [self._processes[name] for name in reversed(self.engines) if self.alive(name)]
        for process in [p for p in running if p.name == "collector"]:
            process.stop()
        for process in running:
            process.signal(signal.SIGTERM)
        for process in running:
            process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send an engine a signal, by default the one it cannot handle, and wait for its end."""
        self.process(name).signal(number)
        self.process(name).wait()

    def restart(self, name: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Stop an engine if it runs, start it on the same data and wait until it is healthy.

        Raises:
            StackError: As `start`, for this engine.
        """
        self.process(name).stop()
        self._require_ports((name,))
        self.process(name).start()
        self.wait_healthy((name,), timeout_s)

    def process(self, name: str) -> Process:
        """Return the process of an engine, for its pid, exit code, log, environment.

        Raises:
            StackError: If the stack has not been started or has no such engine.
        """
        if name not in self._processes:
            raise StackError(f"{name} has not been started")
        return self._processes[name]

    def alive(self, name: str) -> bool:
        """Tell whether an engine runs."""
        return name in self._processes and self._processes[name].alive

    def healthy(self, name: str) -> bool:
        """Tell whether an engine runs and its health check answers 200."""
        port, path = TABLE[name].health
        number = self.ports.of(name, port)
        if self.access is None or port in OPEN_PORTS:
            return self.alive(name) and answers(number, path)
        headers = {"Authorization": self.access.basic}
        context = self.access.context()
        path = self.site.below(name) + path
        return self.alive(name) and answers(number, path, headers=headers, context=context)

    def url(self, name: str, port: str | None = None) -> str:
        """Return ``http://127.0.0.1:PORT`` of an engine: its API, or the port named.

        It begins with ``https`` where the listener speaks TLS.
        """
        port = port or URLS[name][0]
        if port in OPEN_PORTS:
            return f"http://{self.ports.address(name, port)}"
        return self.site.url(name, port)

    def wait_healthy(
        self, names: tuple[str, ...] | None = None, timeout_s: float = START_TIMEOUT_S
    ) -> None:
        """Wait until engines are healthy.

        Raises:
            StackError: If one dies or is not healthy in time, with the end of its log.
        """
        waiting = list(names or self.engines)
        started = time.monotonic()
        while waiting:
            for name in list(waiting):
                process = self.process(name)
                if not process.alive:
                    raise StackError(self._obituary(name))
                if self.healthy(name):
                    waiting.remove(name)
                    self._tell(f"{name:13} healthy after {time.monotonic() - started:4.1f} s")
            if waiting and time.monotonic() - started > timeout_s:
                tails = "\n".join(f"{name}:\n{self.process(name).tail(10)}" for name in waiting)
                raise StackError(
                    f"not healthy after {timeout_s:.0f} s: {', '.join(waiting)}\n{tails}"
                )
            time.sleep(0.1 if waiting else 0)

    def dead(self) -> str | None:
        """Return what to say about the first engine that has ended, None if all run."""
        return next((self._obituary(n) for n in self.engines if not self.alive(n)), None)

    def _obituary(self, name: str) -> str:
        process = self.process(name)
        return f"{name} ended with {process.exit_code}; the end of {process.log}:\n{process.tail()}"

    def _require_ports(self, names: tuple[str, ...]) -> None:
        owners = {
            self.ports.of(name, p): f"{name}.{p}" for name in names for p in TABLE[name].ports
        }
        if taken := wait_until_free(list(owners), 5.0):
            listed = ", ".join(f"{port} ({owners[port]})" for port in taken)
            raise StackError(
                f"ports in use: {listed}. Stop what listens there, or use --port-offset N."
            )

    def _take_data(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self._lock = (self.data / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise StackError(f"{self.data} is in use by another stack") from None

    def _tell(self, line: str) -> None:
        if self._say:
            print(line, flush=True)


def _end(*_: object) -> None:
    """End on the first signal and ignore the rest: stopping must not be cut short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def login_lines(stack: Stack) -> list[str]:
    """Return how to get in: user, where the password is, what services send with."""
    if stack.access is None:
        return []
    folder = stack.access.folder
    lines = [
        f"{'login':13} user {USER}, password: cat {folder}/password",
        f"{'services':13} export {OTLP_HEADERS}=authorization=Bearer%20$(cat {folder}/otlp_token)",
    ]
    if stack.access.secure:
        lines.append(f"{'':13} export {OTLP_CERTIFICATE}={stack.access.authority}")
    return lines


def _run(stack: Stack) -> int:
    """Start the stack, watch it; return when an engine dies."""
    try:
        print(f"starting {', '.join(stack.engines)}; data in {stack.data}", flush=True)
        stack.start()
        for name, (_, what) in URLS.items():
            print(f"{name:13} {stack.url(name):24} {what}", flush=True)
        for line in login_lines(stack):
            print(line, flush=True)
        print("Ctrl-C stops all of them", flush=True)
        while not (obituary := stack.dead()):
            time.sleep(0.5)
        print(f"error: {obituary}", file=sys.stderr)
        return 1
    finally:
        print("stopping", flush=True)
        stack.stop()
        print("all stopped", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the stack until Ctrl-C or SIGTERM, or until an engine dies; return the exit code."""
    parser = argparse.ArgumentParser(prog="engines.stack", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".otelml-stack", metavar="FOLDER")
    parser.add_argument("--port-offset", type=int, default=0, metavar="N")
    parser.add_argument(
        "--collector-config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="laid over collector/config.yaml, in order",
    )
    parser.add_argument("--secure", action="store_true", help="every listener speaks TLS")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        configs = tuple(path.resolve() for path in options.collector_config)
        ports = Ports(options.port_offset)
        access = make(options.data.resolve() / "secrets", secure=options.secure)
        stack = Stack(options.data, ports, collector_configs=configs, access=access, say=True)
        return _run(stack)
    except (BuildError, SecretsError, StackError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
