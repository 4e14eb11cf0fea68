"""Rules, their unit tests and every query of dashboards and runbooks, by the real promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from engines.build import binary
from grafana.generate.quality_rules import COHORT, COHORT_ROWS
from grafana.generate.queries import queries

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "prometheus/rules").glob("*.yml"))
TESTS = sorted((ROOT / "prometheus/tests").glob("*.yml"))

pytestmark = pytest.mark.stack


def promtool(*arguments: object) -> str:
    """Run promtool; fail with all it said."""
    done = subprocess.run(
        [binary("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text("utf-8"))


def alerts() -> list[dict]:
    groups = load(ROOT / "prometheus/rules/alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def parse(expressions: list[str], folder: Path) -> None:
    """Let promtool parse PromQL, as recording rules."""
    rules = [{"record": f"query:{n}", "expr": expr} for n, expr in enumerate(expressions)]
    path = folder / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    assert f"{len(expressions)} rules found" in promtool("check", "rules", path)


def test_rules_pass_the_linter():
    """Promtool accepts the rules, without a duplicate or a warning."""
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert f"{len(alerts())} rules found" in said


@pytest.mark.slow
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path):
    """The unit tests of an alert hold."""
    assert promtool("test", "rules", path).count("SUCCESS") == 1


def test_quality_by_cohort_weighs_replicas_by_their_labels(tmp_path):
    """Only complete cohorts count, each replica as much as it has labels."""
    model = 'ml_model_name="loan", ml_model_version="1"'
    of = f'{model}, ml_quality_metric="accuracy", ml_label_age="7d"'

    def series(name, replica, mature, value):
        labels = f'{of}, ml_label_mature="{mature}", service_instance_id="{replica}"'
        return {"series": f"{name}{{{labels}}}", "values": f"{value}x9"}

    value, rows = "ml_quality_by_cohort_ratio", "ml_quality_by_cohort_rows"
    given = [("a", "true", 0.9, 300), ("b", "true", 0.5, 100), ("b", "false", 0.1, 9999)]
    case = {
        "interval": "1m",
        "input_series": [
            series(name, replica, mature, of_name)
            for replica, mature, share, count in given
            for name, of_name in ((value, share), (rows, count))
        ],
        "promql_expr_test": [
            {
                "expr": name,
                "eval_time": "5m",
                "exp_samples": [{"labels": f"{name}{{{of}}}", "value": expected}],
            }
            for name, expected in ((COHORT, 0.8), (COHORT_ROWS, 400))
        ],
    }
    path = tmp_path / "cohorts.yml"
    rules = [str(ROOT / "prometheus/rules/recording.yml")]
    path.write_text(yaml.safe_dump({"rule_files": rules, "tests": [case]}), "utf-8")
    assert promtool("test", "rules", path).count("SUCCESS") == 1


def test_every_alert_is_tested_both_ways():
    """Each rule fires in one test and is silent in another."""
    # No sample can lie in the future of a promtool test: a real Prometheus makes this one fire.
    fires_elsewhere = {("ClockAhead", "warning")}
    fired, silent = set(), set()
    for path in TESTS:
        for case in [c for test in load(path)["tests"] for c in test["alert_rule_test"]]:
            expected = case["exp_alerts"]
            fired |= {(path.stem, alert["exp_labels"]["severity"]) for alert in expected}
            if not expected:
                silent.add(path.stem)
    rules = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert fired == rules - fires_elsewhere
    assert silent == {name for name, _ in rules}


@pytest.mark.parametrize("rule", alerts(), ids=lambda r: f"{r['alert']}-{r['labels']['severity']}")
def test_an_alert_says_what_to_do(rule):
    """An alert has a summary, a description, a severity, and a runbook that exists."""
    name = rule["alert"]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{name}.md")
    page = (ROOT / f"docs/runbooks/{name}.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert headings == [
        "Meaning",
        "Likely causes",
        "When it fires",
        "What to look at first",
        "How to fix it",
    ]
    assert rule["expr"] in page


def test_dashboards_ask_what_prometheus_understands(tmp_path):
    """Every panel's query parses."""
    parse([query.expr for query in queries()], tmp_path)


def test_runbooks_ask_what_prometheus_understands(tmp_path):
    """Every query of every runbook parses."""
    pages = [path.read_text("utf-8") for path in (ROOT / "docs/runbooks").glob("*.md")]
    found = [q for page in pages for q in re.findall(r"```promql\n(.*?)\n *```", page, re.DOTALL)]
    assert len(found) >= 3 * len(pages)
    parse(found, tmp_path)
