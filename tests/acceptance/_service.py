"""The demo service as a process of its own, and the requests that it is sent."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from demo_service.fields import FIELDS
from otelml.samples import generate
from tests._processes import ROOT, environment

_START_S = 60.0
_STOP_S = 30.0
FAILURE = {"X-Demo-Fail": "inference"}
FORM = {f.name: f.example for f in FIELDS}
APPLICATION = {f.name: f.example if f.kind == "choice" else float(f.example) for f in FIELDS}
MORE_SINGLE, MORE_BATCHES, BATCH_ROWS = 40, 5, 4


@dataclass
class Exchange:
    """One request and its answer.

    Args:
        method: Of HTTP.
        path: Its path.
        status: Of the answer.
        headers: Of the answer.
        text: The answer.
        sent_trace: Trace and span that the request said it belongs to, if it did.
    """

    method: str
    path: str
    status: int
    headers: dict[str, str]
    text: str
    sent_trace: tuple[str, str] | None

    @property
    def json(self) -> dict:
        return json.loads(self.text)

    @property
    def trace_id(self) -> str:
        """The trace that the answer names, on the page or in JSON, else the one it was sent in."""
        named = re.search(r'/traces/([0-9a-f]{32})"|"trace_id": ?"([0-9a-f]{32})"', self.text)
        if named:
            return named[1] or named[2]
        assert self.sent_trace, self.text
        return self.sent_trace[0]

    @property
    def labels(self) -> list[str]:
        """The labels that were predicted, one a row."""
        if "<html" in self.text:
            return re.findall(r'name="label" value="(\w+)"', self.text)
        rows = self.json.get("predictions", [self.json])
        return [row["label"] for row in rows if "label" in row]

    @property
    def failed(self) -> bool:
        """Whether a prediction was begun and failed."""
        return self.status == 500 and "X-Prediction-Id" in self.headers


@dataclass
class DemoService:
    """``python -m demo_service``, sending to a Collector.

    Args:
        endpoint: Of the Collector.
        traces: Where its pages say that traces are: ``TRACES/traces/ID``.
        model: Folder of its model.
        log: Where its output goes.
        headers: What it shows the Collector, as ``OTEL_EXPORTER_OTLP_HEADERS``.
    """

    endpoint: str
    traces: str
    model: Path
    log: Path
    headers: str = ""
    sent: list[Exchange] = field(default_factory=list)
    url: str = ""

    def start(self) -> None:
        """Start it on a free port and wait until it serves."""
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "demo_service", "--port", "0"],
                env=environment(
                    OTEL_EXPORTER_OTLP_ENDPOINT=self.endpoint,
                    OTEL_EXPORTER_OTLP_HEADERS=self.headers,
                    OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                    OTELML_LOGS_SAMPLE_RATIO="1",
                    OTELML_SECRET="acceptance-0123456789",
                    OTELML_VIEWER_URL=self.traces,
                    DEMO_MODEL_DIR=str(self.model),
                ),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while not (serving := re.search(r"serving on (\S+)", self.log.read_text())):
            ended = self._process.poll() is not None or time.monotonic() > deadline
            assert not ended, f"the demo service did not start:\n{self.log.read_text()[-2000:]}"
            time.sleep(0.1)
        self.url = serving[1]

    def stop(self) -> int:
        """End it by SIGTERM, which flushes what it has; return its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(_STOP_S)
        finally:
            self._process.kill()

    def send(
        self,
        path: str,
        body: object = None,
        *,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        in_trace: bool = False,
    ) -> Exchange:
        """Send a request and keep it; ``in_trace`` makes it part of a trace of the caller's."""
        data = None if body is None else json.dumps(body).encode()
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
        trace = (secrets.token_hex(16), secrets.token_hex(8)) if in_trace else None
        context = {"traceparent": f"00-{trace[0]}-{trace[1]}-01"} if trace else {}
        kind = {"Content-Type": "application/json"} if body is not None else {}
        told = {**kind, **(headers or {}), **context}
        request = urllib.request.Request(self.url + path, data, told)
        try:
            answer = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            method = request.get_method()
            text = answer.read().decode()
            exchange = Exchange(method, path, answer.status, dict(answer.headers), text, trace)
        self.sent.append(exchange)
        return exchange

    def send_all(self) -> dict[str, Exchange]:
        """Send every case once, and more predictions to count; return the cases by name."""
        wrong = {**APPLICATION, "age": 7}
        batch = generate(BATCH_ROWS, 3).applications
        predict = self.send("/predict", APPLICATION)
        label = {"prediction_id": predict.json["prediction_id"], "actual": "rejected"}
        signed = label["prediction_id"]
        forged = signed[:12] + ("B" if signed[12] == "A" else "A") + signed[13:]
        cases = {
            "predict": predict,
            "predict in a trace": self.send("/predict", APPLICATION, in_trace=True),
            "predict refused": self.send("/predict", wrong, in_trace=True),
            "predict failed": self.send("/predict", APPLICATION, headers=FAILURE),
            "batch": self.send("/predict/batch", batch),
            "batch refused": self.send("/predict/batch", [APPLICATION, wrong], in_trace=True),
            "batch failed": self.send("/predict/batch", batch, headers=FAILURE),
            "feedback": self.send("/feedback", {**label, "source": "officer"}, in_trace=True),
            "feedback forged": self.send(
                "/feedback", {**label, "prediction_id": forged}, in_trace=True
            ),
            "health": self.send("/healthz", in_trace=True),
            "form": self.send("/", in_trace=True),
            "form decided": self.send("/", form=FORM),
            "form refused": self.send("/", form={**FORM, "age": "7"}, in_trace=True),
            "form failed": self.send("/", form=FORM, headers=FAILURE),
        }
        for row in generate(MORE_SINGLE, 11).applications:
            self.send("/predict", row)
        for seed in range(MORE_BATCHES):
            self.send("/predict/batch", generate(BATCH_ROWS, 20 + seed).applications)
        return cases
