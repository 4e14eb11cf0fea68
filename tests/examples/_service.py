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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests._otlp_server import OtlpServer
from tests._processes import ROOT, environment
from tests.labels._postgresql import free_port

EXAMPLES = ROOT / "examples"
# Limits for a machine that is busy with much else, not what it takes.
_TRAIN_S, _START_S, _WAIT_S = 240.0, 240.0, 90.0


@dataclass(frozen=True)
class Service:
    """A running example.

    Args:
        url: Where it answers.
        folder: The copy that it runs in.
        received: What it sent.
        process: The server.
        metrics_url: Where Prometheus fetches its metrics.
        token: Sent with each request; empty for none.
    """

    url: str
    folder: Path
    received: OtlpServer
    process: subprocess.Popen[bytes]
    metrics_url: str
    token: str = ""

    def get(self, path: str, accept: str = "application/json") -> str:
        """Return what a page says."""
        return self._ask(urllib.request.Request(self.url + path, headers={"Accept": accept}))[1]

    def wait(self, holds: Callable[[], Any], otherwise: Callable[[], object]) -> Any:
        """Wait until something holds, and return it; fail with what otherwise there is."""
        end = time.monotonic() + _WAIT_S
        while not (found := holds()):
            assert time.monotonic() < end, otherwise()
            time.sleep(0.2)  # a look at all that was sent takes time of the service's own
        return found

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
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                sent = answer.headers.get("X-Prediction-Id", "")
                return answer.status, answer.read().decode(), sent
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), ""

    def point(self, metric: str, **attributes: Any) -> Any:
        """Wait for a data point of a metric that has these attributes; return the newest."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}

        def newest() -> Any:
            for point in reversed(self.received.points(metric)):
                of = {pair.key: _value(pair.value) for pair in point.attributes}
                if wanted.items() <= of.items():
                    return point
            return None

        def otherwise() -> str:
            sent = sorted({one.name for one in list(self.received.metrics)})
            return f"no {metric} with {wanted}; sent: {sent}"

        return self.wait(newest, otherwise)

    def value(self, metric: str, **attributes: Any) -> float:
        """Return the newest number of a metric."""
        point = self.point(metric, **attributes)
        return float(point.as_int if point.HasField("as_int") else point.as_double)

    def until(self, expected: float, metric: str, **attributes: Any) -> None:
        """Wait until the newest number of a metric is the expected one."""
        self.wait(
            lambda: self.value(metric, **attributes) == expected,
            lambda: f"{metric} {attributes} is {self.value(metric, **attributes)}, not {expected}",
        )

    def event(self, name: str) -> dict[str, Any]:
        """Wait for a log event; return its attributes."""
        found = self.wait(
            lambda: [one for one in list(self.received.logs) if one.event_name == name],
            lambda: (
                f"no {name}; there are { {one.event_name for one in list(self.received.logs)} }"
            ),
        )
        return {pair.key: _value(pair.value) for pair in found[0].attributes}

    def scraped(self) -> str:
        """Return the page that Prometheus fetches."""
        with urllib.request.urlopen(self.metrics_url, timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    def monitored(self, model: str, path: str = "/monitor/status") -> dict[str, Any]:
        """Return what the monitor says of a model."""
        (found,) = [m for m in json.loads(self.get(path))["models"] if m["model"] == model]
        return dict(found)

    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON lines that it has written to stdout."""
        text = (self.folder.parent / "log").read_text(errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def spans(self, name: str) -> list[Any]:
        """Wait for spans of a name; return those that there are."""
        found: list[Any] = self.wait(
            lambda: [span for span in list(self.received.spans) if span.name == name],
            lambda: f"no span {name}; there are {set(self.received.span_names())}",
        )
        return found

    def trace(self, name: str, *others: str) -> Any:
        """Wait for a span whose trace has spans of other names too; return it."""
        span = self.spans(name)[0]

        def missing() -> set[str]:
            of_trace = [one for one in list(self.received.spans) if one.trace_id == span.trace_id]
            return {*others} - {one.name for one in of_trace}

        self.wait(lambda: not missing(), lambda: f"the trace of {name} has no {missing()}")
        return span


STAGES = ("feature_extraction", "inference", "post_processing")


@contextmanager
def served(
    example: str, into: Path, serve: str | None = None, **variables: str
) -> Iterator[Service]:
    """Train an example and start it, both by the commands of its README.

    Args:
        example: Its folder.
        into: Where the copy goes that runs.
        serve: Another command to serve it, without a port.
        variables: More of its environment.
    """
    folder = into / example
    shutil.copytree(
        EXAMPLES / example, folder, ignore=shutil.ignore_patterns("build", "__pycache__")
    )
    train, of_readme = commands(example)
    port, metrics_port = free_port(), free_port()
    with OtlpServer() as received:
        own = {
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTELML_LOGS_SAMPLE_RATIO": "1",
            "OMP_NUM_THREADS": "1",  # or its threads spin where cores are few
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(metrics_port),
        }
        env = environment(**{**received.environment(), **own, **variables})
        program = [sys.executable, *train.split()[1:]]
        subprocess.run(program, cwd=folder, env=env, check=True, timeout=_TRAIN_S)
        words = [
            word for word in (serve or of_readme).split() if word != "--port" and not word.isdigit()
        ]
        with (into / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *words, "--port", str(port)],
                cwd=folder,
                env=env,
                stdout=log,
                stderr=log,
            )
        service = Service(
            f"http://127.0.0.1:{port}",
            folder,
            received,
            process,
            f"http://127.0.0.1:{metrics_port}/metrics",
            variables.get("OTELML_ADMIN_TOKEN", ""),
        )
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
