"""The old names come out of the new data: by promtool, and on a real Prometheus."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from engines.build import binary
from engines.stack import Stack
from tests._processes import ROOT, environment
from tests.docs._ports import free_ports
from tests.moving._guide import RULES, blocks, both_at_once, queries, rules

HERE = Path(__file__).resolve().parent
REQUESTS = 7
_WAIT_S = 60.0

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    return subprocess.run(
        [binary("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_rules_by_promtool():
    """The rules are right, and give the old names and labels their counts."""
    for arguments in (("check", "rules", RULES), ("test", "rules", HERE / "old_names.yml")):
        said = promtool(*arguments)
        assert said.returncode == 0, said.stdout + said.stderr


def test_every_rule_is_tested():
    """No old name is left out of the unit test."""
    tested = set(
        re.findall(r"^      - expr: (\w+)$", (HERE / "old_names.yml").read_text(), re.MULTILINE)
    )
    assert tested == set(rules())


def test_queries_are_promql(tmp_path):
    """Old, new and Evidently's queries can be parsed."""
    found = [query for pair in queries() for query in pair] + blocks("promql")
    assert len(found) == 15
    made = [{"record": f"q{number}", "expr": query} for number, query in enumerate(found)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": made}]}))
    said = promtool("check", "rules", path)
    assert said.returncode == 0, said.stdout + said.stderr


def ask(url: str, query: str) -> dict[str, float]:
    """Return the values of a query by their labels, without the random instance."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    for series in result:
        assert series["metric"].pop("instance")
    return {json.dumps(s["metric"], sort_keys=True): float(s["value"][1]) for s in result}


def test_rules_on_a_real_prometheus(tmp_path):
    """What the rules compute from OTLP is what the old instruments of the same service count."""
    code = both_at_once() + f"\nfor _ in range({REQUESTS - 1}):\n    client.post('/predict')\n"
    # Shutdown takes the instrumentation away before the last export.
    code += "from opentelemetry.metrics import get_meter_provider\n"
    code += "get_meter_provider().force_flush()\notelml.shutdown(20)\n"
    code += "print(generate_latest().decode())\n"
    with Stack(tmp_path, free_ports(), engines=("prometheus", "collector")) as stack:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=stack.url("collector")),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        page = done.stdout
        url = stack.url("prometheus")
        expected = {'{"job": "loan-api", "model": "loan", "version": "3"}': float(REQUESTS)}
        deadline = time.monotonic() + _WAIT_S
        while (found := ask(url, rules()["model_predictions_total"])) != expected:
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        assert f'model_predictions_total{{model="loan",version="3"}} {REQUESTS}.0' in page
        answers = {name: ask(url, expr) for name, expr in rules().items()}
    assert answers["model_latency_seconds_count"] == {
        '{"job": "loan-api", "model": "loan"}': REQUESTS
    }
    path = '"path": "/predict", "status": "200"}'
    counted = answers["flask_http_request_duration_seconds_count"]
    assert counted['{"job": "loan-api", "method": "POST", ' + path] == REQUESTS
    # Nothing failed; every other rule has its series.
    assert {name for name, found in answers.items() if not found} == {
        "model_prediction_errors_total"
    }
    assert bounds(page) <= {
        json.loads(labels)["le"] for labels in answers["model_latency_seconds_bucket"]
    }


def bounds(page: str) -> set[str]:
    """Return the bucket bounds of the old histogram, as Prometheus spells them."""
    found = re.findall(r'^model_latency_seconds_bucket\{le="([^"]+)"', page, re.MULTILINE)
    assert found
    return {bound.removesuffix(".0") for bound in found}
