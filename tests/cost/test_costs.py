"""Costs of a process, as metrics."""

from __future__ import annotations

import json
import sys
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import boto3
import pytest
from botocore.stub import Stubber

import otelml
from otelml import _guard, semconv
from otelml._cost import Costs, check
from otelml._startup import is_running
from otelml.config import Config, CostOptions, MetricOptions
from otelml.exceptions import ConfigurationError, MissingDependencyError
from otelml.testing import capture
from tests._processes import run

HOURLY = {semconv.ML_COST_SOURCE: semconv.COST_HOURLY_RATE}


@pytest.fixture(autouse=True)
def no_errors():
    """Errors of ours are counted from nothing."""
    kept = _guard.errors.copy()
    _guard.errors.clear()
    yield
    _guard.errors.clear()
    _guard.errors.update(kept)


def _client():
    return boto3.client(
        "ce", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_a_rate_is_a_metric():
    """It grows with time, in the currency's unit."""
    options = CostOptions(hourly_rate=3600.0, currency="EUR")
    with capture(Config(cost=options, system=False)) as telemetry:
        first = telemetry.metric(semconv.ML_COST.name)
        threading.Event().wait(0.05)
        second = telemetry.metric(semconv.ML_COST.name)
    assert first.unit == "{EUR}"
    assert second.where(**HOURLY).sum() >= first.where(**HOURLY).sum() + 0.05 > 0.05


@pytest.mark.parametrize(
    "options", [CostOptions(), CostOptions(enabled=False, hourly_rate=1.0, aws=True)]
)
def test_nothing_configured(options):
    """No rate, or turned off: no metric, no thread."""
    before = set(threading.enumerate())
    costs = Costs(options)
    costs.start()
    assert (costs.configured, list(costs.observe())) == (False, [])
    # A thread of an earlier test may end meanwhile; none may be left that was not there.
    assert set(threading.enumerate()) <= before


def test_the_bill_becomes_a_rate():
    """The look is on a thread of ours, and ends with it."""
    client, seen = _client(), threading.Event()
    stub = Stubber(client)
    day = {"TimePeriod": {"Start": "2026-03-08", "End": "2026-03-09"},
           "Total": {"UnblendedCost": {"Amount": "86400000", "Unit": "USD"}}}  # fmt: skip
    stub.add_response("get_cost_and_usage", {"ResultsByTime": [day]})

    def create_client():
        seen.set()
        return client

    costs = Costs(CostOptions(aws=True), create_client, lambda: date(2026, 3, 10), 0.0)
    with stub:
        costs.start()
        assert seen.wait(10)
        deadline = threading.Event()
        while not (found := list(costs.observe())) and not deadline.wait(0.01):
            pass
    costs.stop()
    costs._thread.join(10)
    assert not costs._thread.is_alive()
    ((amount, attributes),) = found
    assert attributes == {semconv.ML_COST_SOURCE: semconv.COST_AWS}
    assert amount >= 0
    assert dict(_guard.errors) == {}


def test_no_credentials(monkeypatch, caplog):
    """The service goes on; one warning says why, and it is counted."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    costs = Costs(CostOptions(aws=True, hourly_rate=1.0), first_look_s=0.0)
    costs.start()
    waited = threading.Event()
    while not _guard.errors and not waited.wait(0.01):
        pass
    costs.stop()
    costs._thread.join(10)
    assert dict(_guard.errors) == {"cost": 1}
    assert "Unable to locate credentials" in _guard.last_error["cost"]
    assert [attributes for _, attributes in costs.observe()] == [HOURLY]
    ((said, trace),) = [(r.getMessage(), r.exc_info) for r in caplog.records if r.name == "otelml"]
    assert trace is None
    assert said == (
        "otelml: AWS Cost Explorer did not return the bill: Unable to locate credentials; the "
        "service is not affected, and further errors are only counted in otelml.errors"
    )


class _CostExplorer(BaseHTTPRequestHandler):
    """Answers with a day at 2,400, and keeps what was asked."""

    asked: ClassVar[list] = []

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers["X-Amz-Target"], asked["Granularity"]))
        day = {"Total": {"UnblendedCost": {"Amount": "2400", "Unit": "USD"}}}
        body = json.dumps({"ResultsByTime": [day]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def test_the_bill_comes_over_http(monkeypatch):
    """With credentials of the environment and a region of its own, as a service would ask."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _CostExplorer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_COST_EXPLORER", f"http://127.0.0.1:{server.server_port}")
    costs = Costs(CostOptions(aws=True))
    try:
        assert costs._look()
    finally:
        server.shutdown()
        server.server_close()
    assert costs._spent._flows[semconv.COST_AWS].rate == 100.0
    assert _CostExplorer.asked == [("AWSInsightsIndexService.GetCostAndUsage", "DAILY")]


def test_a_short_life_costs_nothing():
    """A process that ends within its first minute has not looked at the bill."""
    asked = []
    costs = Costs(CostOptions(aws=True), lambda: asked.append(1))
    costs.start()
    costs.stop()
    costs._thread.join(10)
    assert (asked, costs._thread.is_alive()) == ([], False)


def test_without_metrics_no_look():
    """Nobody pays for a bill that is not reported."""
    before = set(threading.enumerate())
    metrics = MetricOptions(enabled=False)
    with capture(Config(cost=CostOptions(aws=True), metrics=metrics, system=False)):
        names = [thread.name for thread in threading.enumerate()]
    assert "otelml-cost" not in names
    assert set(threading.enumerate()) <= before


def test_a_child_forked_at_once_can_import_boto3():
    """No import is under way on a thread that the child would wait for."""
    code, out, err = run(
        """
import os, signal, time
from otelml.config import CostOptions
from otelml._cost import Costs, check
check(CostOptions(aws=True))
costs = Costs(CostOptions(aws=True), first_look_s=0.0)
costs.start()
for _ in range(5):
    time.sleep(0.03)
    if not (child := os.fork()):
        signal.alarm(8)
        import boto3
        os._exit(0)
    print(os.waitpid(child, 0)[1])
costs.stop()
""",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    )
    assert (code, out) == (0, "0\n" * 5), err


def test_a_child_does_not_ask_again():
    """Each look costs money, so it goes on with the rate its parent knew."""
    asked = []

    def create_client():
        asked.append(1)
        raise OSError("not now")

    costs = Costs(CostOptions(aws=True), create_client)
    costs._spent.set_rate(semconv.COST_AWS, 5.0)
    costs._thread = threading.Thread(target=int)
    costs.after_fork()
    costs.stop()
    costs._thread.join(10)
    assert asked == []


def test_boto3_is_missing(monkeypatch):
    """The message holds the command that mends it; without the bill nothing is missing."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'otelml\[aws\]'"):
        otelml.init("service", cost=CostOptions(aws=True))
    assert not is_running()
    check(CostOptions(hourly_rate=1.0))
    check(CostOptions(enabled=False, aws=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hourly_rate": -1.0}, "at least 0"),
        ({"hourly_rate": float("nan")}, "a number"),
        ({"hourly_rate": float("inf")}, "at most"),
        ({"hourly_rate": "3"}, "float or None"),
        ({"currency": "usd"}, "three capital letters, such as USD"),
        ({"currency": "EURO"}, "three capital letters"),
        ({"aws_tag": "team"}, "key=value"),
        ({"aws_tag": "=x"}, "key=value"),
        ({"aws_interval_s": 60.0}, "at least 3600"),
        ({"aws_days": 0}, "at least 1"),
    ],
)
def test_wrong_options(options, message):
    """Each is refused by name."""
    with pytest.raises(ConfigurationError, match=f"CostOptions.{next(iter(options))} .*{message}"):
        CostOptions(**options)
