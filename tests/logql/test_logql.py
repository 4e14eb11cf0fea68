"""Every LogQL expression is LogQL by Grafana's own grammar, and its LogsQL is answered."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from engines.stack import Stack
from grafana.generate.logs_query import Counted, field, lines, matching
from grafana.generate.shown_lines import of_model, of_service
from tests.acceptance._stores import eventually, found_lines, get
from tests.acceptance.conftest import free_ports

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

TRACE = "6fbe5e3cd041e2de9e5da711c6598ea2"
SPAN = "3c58b832d0001baf"
QUOTED = 'a "quoted" part, 5 % (of it)'
# Each query, and how many of RECORDS it finds; of one that counts by a field, its groups.
QUERIES = {
    lines("loan-api"): 3,
    lines("loan-api").where(field("trace_id", TRACE)): 1,
    lines("loan-api").where(field("span_id", SPAN)): 1,
    lines("loan-api").containing(QUOTED): 1,
    lines("loan-api").where(
        matching("severity_text", "ERROR|WARN"), field("ml.model.name", "loan")
    ): 2,
    of_service("loan-api", "pod-1|pod-2"): 2,
    of_model("loan-api", "loan", ".*", "canary|"): 2,
    lines("loan-api").count("5m"): 3,
    lines("loan-api").where(field("ml.model.name", "loan")).rate("5m", by=("severity_text",)): 3,
}
# Service, instance, level, message, variant, trace, span. The last ones are near misses.
RECORDS = (
    ("loan-api", "pod-1", "ERROR", f"here is {QUOTED}, and more", "", TRACE, SPAN),
    ("loan-api", "pod-2", "WARN", "a quoted part", "canary", TRACE[::-1], SPAN[::-1]),
    ("loan-api", "pod-12", "INFO", QUOTED.upper(), "shadow", TRACE[::-1], SPAN[::-1]),
    ("loan-api-2", "pod-1", "ERROR", QUOTED, "canary", TRACE, SPAN),
)


def send(collector: str) -> None:
    """Send RECORDS as OTLP."""
    now = time.time_ns()
    resources = [
        {
            "resource": {
                "attributes": [
                    text("service.name", service),
                    text("service.instance.id", instance),
                ]
            },
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": str(now + number),
                            "severityNumber": {"INFO": 9, "WARN": 13, "ERROR": 17}[level],
                            "severityText": level,
                            "body": {"stringValue": message},
                            "attributes": [
                                text("ml.model.name", "loan"),
                                text("ml.model.version", "1"),
                                *([text("ml.model.variant", variant)] if variant else []),
                            ],
                            "traceId": trace,
                            "spanId": span,
                        }
                    ]
                }
            ],
        }
        for number, (service, instance, level, message, variant, trace, span) in enumerate(RECORDS)
    ]
    body = json.dumps({"resourceLogs": resources}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(
        urllib.request.Request(f"{collector}/v1/logs", body, headers), timeout=10
    ).close()


def text(key: str, value: str) -> dict:
    return {"key": key, "value": {"stringValue": value}}


def provisioned() -> list[str]:
    """Return the LogQL that Grafana's files and the documents hold, its variables filled in."""
    file = ROOT / "grafana/provisioning/datasources/datasources.yaml"
    sources = yaml.safe_load(file.read_text().replace("$$", "$"))["datasources"]
    found = [s["jsonData"]["tracesToLogsV2"]["query"] for s in sources if s["type"] == "jaeger"]
    found = [
        query.replace("${__tags}", 'service_name="loan-api"').replace(
            "${__trace.traceId}", "6fbe5e3c"
        )
        for query in found
    ]
    for board in sorted((ROOT / "grafana/dashboards").glob("*.json")):
        text = board.read_text()
        for panel in json.loads(text).get("panels", ()):
            for target in panel.get("targets", ()):
                if (target.get("datasource") or {}).get("type") == "loki":
                    found.append(re.sub(r"\$\w+", "loan-api", target["expr"]))
    for page in sorted((ROOT / "docs").rglob("*.md")):
        found += re.findall(r"`(\{service_name=[^`]*)`", page.read_text())
    return found


@pytest.fixture(scope="module")
def parse(tmp_path_factory):
    """Return what is wrong with each of some expressions."""
    folder = tmp_path_factory.mktemp("logql")
    for name in ("package.json", "parse.mjs"):
        shutil.copy(HERE / name, folder)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
    subprocess.run(install, cwd=folder, check=True, timeout=200)

    def parsed(expressions: list[str]) -> list[str | None]:
        done = subprocess.run(
            ["node", "parse.mjs"],
            cwd=folder,
            input=json.dumps(expressions),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout)

    return parsed


def test_every_expression_is_logql(parse):
    """Those that queries are rendered as, and those in Grafana's files and the documents."""
    expressions = [*provisioned(), *(query.logql() for query in QUERIES)]
    assert len(expressions) >= len(QUERIES) + 2
    wrong = dict(zip(expressions, parse(expressions), strict=True))
    assert {expression: place for expression, place in wrong.items() if place} == {}


@pytest.mark.parametrize("broken", ['{service_name="a"', '{a="b"} | trace_id=', "rate({a=`b`})"])
def test_what_is_no_logql_is_noticed(parse, broken):
    """The check can fail."""
    (place,) = parse([broken])
    assert place is not None


def test_the_same_questions_are_answered(tmp_path, request):
    """Each query, as LogsQL, finds in the live store the records that it describes."""
    answers = {}
    with Stack(tmp_path, free_ports(33000), engines=("victorialogs", "collector")) as stack:
        send(stack.url("collector"))
        store = stack.url("victorialogs")
        eventually(lambda: len(found_lines(store, "*")), len(RECORDS))
        for query in QUERIES:
            if isinstance(query, Counted):
                found = get(f"{store}/select/logsql/stats_query", query=query.logsql())
                numbers = [float(each["value"][1]) for each in found["data"]["result"]]
                answers[query] = len(numbers) if query.by else int(sum(numbers))
                assert all(number > 0 for number in numbers)
            else:
                answers[query] = len(found_lines(store, query))
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\nLogQL | LogsQL | answered")  # noqa: T201 - what the run has shown
        for query, answer in answers.items():
            print(f"{query.logql()} | {query.logsql()} | {answer}")  # noqa: T201 - as above
    assert answers == QUERIES
