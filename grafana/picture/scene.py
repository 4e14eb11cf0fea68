"""Something to look at: the stack, two services, traffic, and what can go wrong."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from engines.process import Process, StackError
from engines.stack import Stack
from engines.table import ROOT, Ports

SERVICES: Final = ("loan-api", "price-api")
_START_S: Final = 120.0
_TICK_S: Final = 0.2
_COARSER_THAN_PROMETHEUS_TAKES: Final = -10
_MORE_THAN_LOKI_TAKES: Final = 300
# Scenario, requests a second, share of the time; Jaeger hangs while wrong labels come.
_PHASES: Final = (
    ("normal", 8.0, 4.0),
    ("slow", 8.0, 2.5),
    ("normal", 14.0, 2.0),
    ("errors", 10.0, 2.5),
    ("wrong-labels", 8.0, 1.0),
    ("normal", 10.0, 3.0),
)
_QUEUES: Final = ("otlp_grpc/jaeger", "otlp_http/prometheus", "otlp_http/loki")


def _overlay(size: int, sizer: str) -> str:
    queue = {"sending_queue": {"sizer": sizer, "queue_size": size}}
    return json.dumps({"exporters": dict.fromkeys(_QUEUES, queue)})


def _environment(service: str, endpoint: str) -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        # No name of this machine in what is shown.
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel",
        "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={service}-1",
        "OTELML_LOGS_SAMPLE_RATIO": "1",
        "OTELML_COST_HOURLY_RATE": "0.4",
        # Checks as often as the traffic changes.
        "OTELML_DRIFT_EVERY": "10s",
        "OTELML_DRIFT_WINDOW_ROWS": "60",
        "OTELML_DRIFT_CALIBRATE_FOR": "0",
        # Models that are old, and a pipeline that is told of it in name only.
        "OTELML_TRAINED_AT": "2026-01-01",
        "OTELML_RETRAINING_RULES": "drift and quality and age,age",
        "OTELML_RETRAINING_COMMAND": "true",
        "OTELML_RETRAINING_DRY_RUN": "true",
        # Fewer than the districts there are.
        "OTELML_ATTRIBUTE_VALUES_LIMIT": "20",
    }


class Scene:
    """The stack, with two services that send to it.

    Args:
        folder: Where all of it writes.
        ports: Of the stack.
        queue: How much may wait for a backend, and of what; little, and an outage is soon felt.
        model: Folder of the demo service's model; its own by default.
    """

    def __init__(
        self, folder: Path, ports: Ports, queue: tuple[int, str], model: Path | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        overlay = folder / "queues.yaml"
        overlay.write_text(_overlay(*queue), "utf-8")
        self.folder = folder
        self.stack = Stack(
            folder / "stack",
            ports,
            collector_configs=(overlay,),
            environment={"collector": {"OTEL_RESOURCE_ATTRIBUTES": "host.name=node-1"}},
        )
        demo = {"DEMO_FAULTS": "1"} | ({} if model is None else {"DEMO_MODEL_DIR": str(model)})
        loans, prices = SERVICES
        self._loans = self._process(loans, ["-m", "demo_service", "--port", "0"], demo)
        self._prices = self._process(prices, ["-m", "grafana.picture.pricer"], {})
        self._traffic: Process | None = None
        self.service = ""

    def _process(self, name: str, arguments: list[str], more: dict[str, str]) -> Process:
        environment = {**_environment(name, self.stack.url("collector")), **more}
        log = self.folder / f"{name}.log"
        return Process(name, [sys.executable, *arguments], environment, log, ROOT)

    def __enter__(self) -> Scene:
        """Start the stack and the services; wait until they serve."""
        self.stack.start()
        try:
            self._loans.start()
            self._prices.start()
            self.service = self._address()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all of it."""
        for process in (self._traffic, self._loans, self._prices):
            if process is not None:
                process.stop()
        self.stack.stop()

    def _address(self) -> str:
        deadline = time.monotonic() + _START_S
        while not (serving := re.search(r"serving on (\S+)", self._loans.log.read_text("utf-8"))):
            if not self._loans.alive or time.monotonic() > deadline:
                raise StackError(f"the demo service did not start:\n{self._loans.tail()}")
            time.sleep(_TICK_S)
        return serving[1]

    def send(self, scenario: str, rate: float = 10.0) -> None:
        """Let a scenario's requests go to the demo service from now on, and no other's."""
        if self._traffic is not None:
            self._traffic.stop()
        arguments = ["-m", "otelml", "simulate", self.service, "--scenario", scenario]
        arguments += ["--rate", str(rate), "--duration", "7200"]
        self._traffic = self._process("traffic", arguments, {})
        self._traffic.start()

    def freeze(self, engine: str, duration_s: float) -> None:
        """Let a backend neither answer nor refuse for a while."""
        process = self.stack.process(engine)
        process.signal(signal.SIGSTOP)
        try:
            time.sleep(duration_s)
        finally:
            process.signal(signal.SIGCONT)

    def send_refused(self) -> None:
        """Send what backends never take: a histogram too coarse, a line of too many attributes."""
        now = str(int(time.time() * 1e9))
        point = {"timeUnixNano": now, "scale": _COARSER_THAN_PROMETHEUS_TAKES, "count": "0"}
        histogram = {"aggregationTemporality": 2, "dataPoints": [point]}
        metric = {"name": "too.coarse", "exponentialHistogram": histogram}
        self._post("metrics", {"resourceMetrics": [_of("scopeMetrics", {"metrics": [metric]})]})
        many = [
            {"key": f"number {n}", "value": {"stringValue": "x"}}
            for n in range(_MORE_THAN_LOKI_TAKES)
        ]
        line = {"timeUnixNano": now, "body": {"stringValue": "a line"}, "attributes": many}
        self._post("logs", {"resourceLogs": [_of("scopeLogs", {"logRecords": [line]})]})

    def play(self, minutes: float) -> None:
        """Send traffic in phases that a graph shows: good, slow, failing, an outage, good again."""
        unit_s = minutes * 60 / sum(share for _, _, share in _PHASES)
        for scenario, rate, share in _PHASES:
            self.send(scenario, rate)
            if scenario == "wrong-labels":
                self.send_refused()
                self.freeze("jaeger", unit_s * share)
            else:
                time.sleep(unit_s * share)

    def _post(self, signal_name: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(  # noqa: S310 - the address of our own Collector
            f"{self.stack.url('collector')}/v1/{signal_name}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - as above
            pass


def _of(scope: str, items: dict[str, Any]) -> dict[str, Any]:
    name = {"key": "service.name", "value": {"stringValue": "careless"}}
    return {"resource": {"attributes": [name]}, scope: [items]}
