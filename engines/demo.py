"""Run the stack, the demo service and its traffic together: ``python3 -m engines.demo``.

The stack is that of ``engines.stack``; service and traffic are those of ``otelml demo``, sent to
the stack's Collector.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from engines.build import BuildError
from engines.process import Process, StackError, answers, wait_until_free
from engines.secrets import SecretsError, make
from engines.stack import OTLP_CERTIFICATE, OTLP_HEADERS, URLS, Stack, login_lines
from engines.table import ROOT, Ports

SERVICE_NAME = "loan-api"
SERVICE_PORT = 8000
SERVICE_START_S = 120.0  # the first start trains the model
FIRST_TRACE_S = 30.0
TICK_S = 0.3


def _end(*_: object) -> None:
    """End on the first signal and ignore the rest: stopping must not be cut short."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _demo(stack: Stack, port: int, *, traffic: bool) -> Process:
    """Return the demo service with its traffic, not started."""
    command = [sys.executable, "-m", "otelml", "demo"]
    command += ["--endpoint", stack.url("collector"), "--port", str(port)]
    environment = {
        "PYTHONUNBUFFERED": "1",
        # The pages link to traces at BASE/traces/ID: here Jaeger's API answers.
        "OTELML_VIEWER_URL": f"{stack.url('jaeger')}/api",
        # Every trace has its log line, so that each can be followed.
        "OTELML_LOGS_SAMPLE_RATIO": os.environ.get("OTELML_LOGS_SAMPLE_RATIO", "1"),
        # Half a dollar an hour, so that there is a cost to see.
        "OTELML_COST_HOURLY_RATE": os.environ.get("OTELML_COST_HOURLY_RATE", "0.5"),
    }
    if stack.access is not None:
        environment[OTLP_HEADERS] = stack.access.otlp_headers
        if stack.access.secure:
            environment[OTLP_CERTIFICATE] = str(stack.access.authority)
            environment.setdefault("OTELML_TRUST_INCOMING", "false")
    log = stack.data / "logs" / "demo.log"
    return Process(
        "demo service", command + ([] if traffic else ["--no-traffic"]), environment, log, ROOT
    )


def _require_port(port: int) -> None:
    if wait_until_free([port], 5.0):
        raise StackError(f"port {port} is in use; choose another with --port")


def _wait_until_up(demo: Process, port: int) -> None:
    deadline = time.monotonic() + SERVICE_START_S
    while not answers(port, "/healthz"):
        if not demo.alive:
            raise StackError(f"the demo service did not start:\n{demo.tail()}")
        if time.monotonic() > deadline:
            raise StackError(f"no demo service after {SERVICE_START_S:.0f} s:\n{demo.tail()}")
        time.sleep(TICK_S)


def _first_trace(stack: Stack, operation: str) -> str | None:
    """Wait for a trace with a span of this name; return its id, None if none came in time."""
    search = urlencode({"service": SERVICE_NAME, "operation": operation, "limit": 1})
    headers = {} if stack.access is None else {"Authorization": stack.access.basic}
    context = None if stack.access is None else stack.access.context()
    asked = urllib.request.Request(f"{stack.url('jaeger')}/api/traces?{search}", headers=headers)
    deadline = time.monotonic() + FIRST_TRACE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(asked, timeout=5, context=context) as answer:
                if found := json.load(answer)["data"]:
                    return str(found[0]["traceID"])
        except (OSError, KeyError):
            pass  # nothing known of this service yet
        time.sleep(TICK_S)
    return None


def examples(stack: Stack, trace_id: str | None) -> list[tuple[str, str]]:
    """Return what to look at as (title, URL): a trace, its logs, a percentile, its exemplars.

    Args:
        stack: The stack, running.
        trace_id: The trace to follow; None for all of the service.
    """
    from grafana.generate.logs_query import field, lines
    from otelml import semconv

    jaeger, prometheus = stack.url("jaeger"), stack.url("prometheus")
    logs = f"{stack.url('victorialogs')}/select/logsql/query"
    buckets = semconv.ML_PREDICTION_DURATION.name.replace(".", "_") + "_seconds_bucket"
    p95 = f"histogram_quantile(0.95, sum by (le) (rate({buckets}[1m])))"
    said = lines(SERVICE_NAME)
    if trace_id is None:
        trace = f"{jaeger}/api/traces?{urlencode({'service': SERVICE_NAME, 'limit': 20})}"
    else:
        trace = f"{jaeger}/api/traces/{trace_id}"
        said = said.where(field("trace_id", trace_id))
    return [
        ("a trace", trace),
        ("its log lines", f"{logs}?{urlencode({'query': said.logsql(), 'limit': 100})}"),
        ("95 % of predictions take less", f"{prometheus}/api/v1/query?{urlencode({'query': p95})}"),
        (
            "exemplars, from a slow prediction to its trace",
            f"{prometheus}/api/v1/query_exemplars?{urlencode({'query': buckets})}",
        ),
    ]


def _run(stack: Stack, port: int, duration_s: float | None, *, traffic: bool) -> int:
    """Start all, show where, watch; return when the time is over or something has ended."""
    from otelml import semconv

    demo = _demo(stack, port, traffic=traffic)
    try:
        print(f"starting the stack; data in {stack.data}", flush=True)
        stack.start()
        print("starting the demo service (the first time it trains its model)", flush=True)
        demo.start()
        _wait_until_up(demo, port)
        for name, (_, what) in URLS.items():
            print(f"{name:13} {stack.url(name):24} {what}")
        print(f"{'demo service':13} http://127.0.0.1:{port:<7} web form; log: {demo.log}")
        for line in login_lines(stack):
            print(line)
        ended_at = None if duration_s is None else time.monotonic() + duration_s
        operation = semconv.SPAN_PREDICT.format(model="loan")
        for title, url in examples(stack, _first_trace(stack, operation) if traffic else None):
            print(f"{title}:\n  {url}")
        print("Ctrl-C ends all of it", flush=True)
        while not (obituary := stack.dead()) and demo.alive:
            if ended_at is not None and time.monotonic() >= ended_at:
                return 0
            time.sleep(TICK_S)
        obituary = obituary or f"the demo service has ended:\n{demo.tail()}"
        print(f"error: {obituary}", file=sys.stderr)
        return 1
    finally:
        print("stopping", flush=True)
        demo.stop()  # first, so that the Collector still takes what it flushes
        stack.stop()
        print("all stopped", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run everything until Ctrl-C, SIGTERM or the end of the time; return the exit code."""
    parser = argparse.ArgumentParser(prog="engines.demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / ".otelml-stack", metavar="FOLDER")
    parser.add_argument("--port-offset", type=int, default=0, metavar="N")
    parser.add_argument("--port", type=int, help=f"of the service; {SERVICE_PORT} plus the offset")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="end by itself")
    parser.add_argument("--no-traffic", action="store_true", help="use the web form instead")
    parser.add_argument("--secure", action="store_true", help="every listener speaks TLS")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("waitress") is None:
        print("error: this Python lacks what the demo needs; run make demo-stack", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        port = options.port or SERVICE_PORT + options.port_offset
        _require_port(port)
        access = make(options.data.resolve() / "secrets", secure=options.secure)
        stack = Stack(options.data, Ports(options.port_offset), access=access, say=True)
        return _run(stack, port, options.duration, traffic=not options.no_traffic)
    except (BuildError, SecretsError, StackError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
