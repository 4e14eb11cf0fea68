"""One broker in KRaft mode, as a process: every listener on loopback, a small heap."""

from __future__ import annotations

import base64
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from typing import TYPE_CHECKING

from engines.build import BuildError
from engines.kafka.provision import jars
from engines.process import Process, StackError, wait_until_free

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

START_TIMEOUT_S = 120.0
PARTITIONS = 4
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={logs}
num.partitions={partitions}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.segment.bytes=16777216
log.retention.bytes=268435456
"""
# Compiled once only: it starts in half the time, and a test's load needs no more.
_JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_API_VERSIONS = struct.pack(">hhih", 18, 0, 1, -1)


class Broker:
    """A broker that keeps what it was given through kills and restarts.

    Args:
        data: Where it writes; made if need be.
        port: Its listener; the next port is the controller's.

    Example::

        with Broker(tmp_path, 39092) as broker:
            environment = {"OTELML_KAFKA_BROKERS": broker.address}
            broker.kill()
            broker.start()
    """

    def __init__(self, data: Path, port: int) -> None:
        self.data = data.resolve()
        self.port = port
        self._properties = self.data / "server.properties"
        self._scratch = self.data / "scratch"
        self._process: Process | None = None

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

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, for clients."""
        return f"127.0.0.1:{self.port}"

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start it on its data, made at the first time, and wait until it answers.

        Raises:
            engines.build.BuildError: If Java or the jars are missing.
            engines.process.StackError: If a port is taken, or it ends or does not answer in time.
        """
        java = self._java()
        if taken := wait_until_free([self.port, self.port + 1], 5.0):
            raise StackError(f"ports in use: {taken}")
        if not self._properties.exists():
            self._format(java)
        log = self.data / "kafka.log"
        command = [*java, "kafka.Kafka", str(self._properties)]
        self._process = Process("kafka", command, {}, log, self.data)
        self._process.start()
        deadline = time.monotonic() + timeout_s
        while not self.healthy():
            if not self._process.alive or time.monotonic() > deadline:
                said = self._process.tail()
                self.stop()
                raise StackError(f"kafka does not answer; the end of {log}:\n{said}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Ask it to end, if it runs, and wait."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End it without a chance to write anything."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)
            self._process.wait()

    def healthy(self) -> bool:
        """Tell whether it answers a client's first question, for the versions it speaks."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2.0) as client:
                client.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
                answer = client.recv(10, socket.MSG_WAITALL)
        except OSError:
            return False
        return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)

    def _java(self) -> list[str]:
        if not (java := shutil.which("java")):
            raise BuildError("Java 17 is needed and there is no java on PATH")
        # Its own folder for the libraries it unpacks: the system's may forbid to execute from it.
        scratch = f"-Djava.io.tmpdir={self._scratch}"
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [java, *_JVM, scratch, level, "-cp", f"{jars()}/*"]

    def _format(self, java: list[str]) -> None:
        self._scratch.mkdir(parents=True, exist_ok=True)
        pending = self._properties.with_suffix(".new")
        pending.write_text(
            _PROPERTIES.format(
                port=self.port,
                controller=self.port + 1,
                logs=self.data / "logs",
                partitions=PARTITIONS,
            )
        )
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(pending)]
        done = subprocess.run([*java, *tool], capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(f"kafka's storage cannot be made:\n{done.stdout}{done.stderr}")
        pending.rename(self._properties)
