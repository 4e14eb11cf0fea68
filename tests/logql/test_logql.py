"""Every LogQL expression is LogQL by Grafana's own grammar, and its LogsQL is answered."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from engines.stack import Stack
from grafana.generate.logs_query import field, lines, matching
from grafana.generate.shown_lines import of_model, of_service
from tests.acceptance._stores import found_lines, get
from tests.acceptance.conftest import free_ports
from tests.faults._sender import Sender

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

QUERIES = (
    lines("loan-api"),
    lines("loan-api").where(field("trace_id", "6fbe5e3cd041e2de9e5da711c6598ea2")),
    lines("loan-api").where(field("span_id", "3c58b832d0001baf")),
    lines("loan-api").containing('a "quoted" part, 5 % (of it)'),
    lines("loan-api").where(
        matching("severity_text", "ERROR|WARN"), field("ml.model.name", "loan")
    ),
    of_service("loan-api", "loan-api-1|loan-api-2"),
    of_model("loan-api", "loan", ".*", "canary|"),
    lines("loan-api").count("5m"),
    lines("loan-api").where(field("ml.model.name", "loan")).rate("5m", by=("severity_text",)),
)


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
    """Each query as LogsQL is valid for the live store, and the one without filters finds all."""
    answers = []
    with Stack(tmp_path, free_ports(33000), engines=("victorialogs", "collector")) as stack:
        sender = Sender(stack.url("collector"))
        assert sender.send("logs", 20) == 200
        store = stack.url("victorialogs")
        mine = lines(sender.service)
        for _ in range(60):
            if len(found_lines(store, mine)) == 20:
                break
            time.sleep(0.25)
        assert len(found_lines(store, mine)) == 20
        for query in QUERIES:
            text = query.logsql()
            if "| stats" in text:
                said = get(f"{store}/select/logsql/stats_query", query=text)["data"]["result"]
                answers.append((query, f"{len(said)} numbers"))
            else:
                answers.append((query, f"{len(found_lines(store, query))} lines"))
        sender.close()
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\nLogQL | LogsQL | answered")  # noqa: T201 - what the run has shown
        for query, answer in answers:
            print(f"{query.logql()} | {query.logsql()} | {answer}")  # noqa: T201 - as above
    assert len(answers) == len(QUERIES)
