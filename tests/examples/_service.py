"""An example as its README starts it, in a copy of its folder, sending to a receiver here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests._otlp_server import OtlpServer
from tests._processes import ROOT, environment
from tests.labels._postgresql import free_port

EXAMPLES = ROOT / "examples"
_START_S, _WAIT_S = 60.0, 30.0


@dataclass(frozen=True)
class Service:
    """A running example.

    Args:
        url: Where it answers.
        folder: The copy that it runs in.
        received: What it sent.
        process: The server.
    """

    url: str
    folder: Path
    received: OtlpServer
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> str:
        """Return what a page says."""
        return self._ask(urllib.request.Request(self.url + path))[1]

    def post(self, path: str, body: Any = None) -> tuple[int, str, str]:
        """Send JSON; return status, body and the id of the prediction."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.url + path, data, headers))

    def form(self, path: str, **fields: Any) -> tuple[int, str, str]:
        """Send a form; return status, body and the id of the prediction."""
        data = urllib.parse.urlencode(fields).encode()
        return self._ask(urllib.request.Request(self.url + path, data))

    def _ask(self, request: urllib.request.Request) -> tuple[int, str, str]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                sent = answer.headers.get("X-Prediction-Id", "")
                return answer.status, answer.read().decode(), sent
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), ""

    def point(self, metric: str, **attributes: Any) -> Any:
        """Wait for a data point of a metric that has these attributes; return the newest."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            for point in reversed(self.received.points(metric)):
                of = {pair.key: _value(pair.value) for pair in point.attributes}
                if wanted.items() <= of.items():
                    return point
            time.sleep(0.05)
        sent = sorted({one.name for one in list(self.received.metrics)})
        raise AssertionError(f"no {metric} with {wanted}; sent: {sent}")

    def value(self, metric: str, **attributes: Any) -> float:
        """Return the newest number of a metric."""
        point = self.point(metric, **attributes)
        return float(point.as_int if point.HasField("as_int") else point.as_double)

    def until(self, expected: float, metric: str, **attributes: Any) -> None:
        """Wait until the newest number of a metric is the expected one."""
        end = time.monotonic() + _WAIT_S
        while (seen := self.value(metric, **attributes)) != expected:
            assert time.monotonic() < end, f"{metric} {attributes} is {seen}, not {expected}"
            time.sleep(0.05)

    def event(self, name: str) -> dict[str, Any]:
        """Wait for a log event; return its attributes."""
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            for record in list(self.received.logs):
                if record.event_name == name:
                    return {pair.key: _value(pair.value) for pair in record.attributes}
            time.sleep(0.05)
        names = {record.event_name for record in list(self.received.logs)}
        raise AssertionError(f"no event {name}; there are {names}")

    def spans(self, name: str) -> list[Any]:
        """Wait for spans of a name; return those that there are."""
        end = time.monotonic() + _WAIT_S
        while time.monotonic() < end:
            if found := [span for span in list(self.received.spans) if span.name == name]:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no span {name}; there are {set(self.received.span_names())}")


@contextmanager
def served(example: str, into: Path, **variables: str) -> Iterator[Service]:
    """Train an example and start it, both by the commands of its README."""
    folder = into / example
    shutil.copytree(
        EXAMPLES / example, folder, ignore=shutil.ignore_patterns("build", "__pycache__")
    )
    train, serve = commands(example)
    port = free_port()
    with OtlpServer() as received:
        env = environment(
            **received.environment(),
            OTEL_METRIC_EXPORT_INTERVAL="500",
            OTELML_LOGS_SAMPLE_RATIO="1",
            OTELML_PROMETHEUS_PORT=str(free_port()),
            **variables,
        )
        program = [sys.executable, *train.split()[1:]]
        subprocess.run(program, cwd=folder, env=env, check=True, timeout=120)
        words = [word for word in serve.split() if word != "--port" and not word.isdigit()]
        with (into / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *words, "--port", str(port)],
                cwd=folder,
                env=env,
                stdout=log,
                stderr=log,
            )
        service = Service(f"http://127.0.0.1:{port}", folder, received, process)
        try:
            _wait_for(service)
            yield service
        finally:
            process.terminate()
            process.wait(30)


def commands(example: str) -> tuple[str, str]:
    """Return the command that trains an example and the one that serves it."""
    text = (EXAMPLES / example / "README.md").read_text()
    found = re.search(r"^\$ (python train\.py) && (.+)$", text, re.MULTILINE)
    assert found, f"{example}/README.md has not the two commands"
    return found[1], found[2]


def _wait_for(service: Service) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        log = service.folder.parent / "log"
        assert service.process.poll() is None, log.read_text(errors="replace")
        try:
            service.get("/health")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the service does not answer")


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))
