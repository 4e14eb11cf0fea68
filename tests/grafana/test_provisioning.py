"""Grafana's own alert rules are those of Prometheus, routed by e-mail."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROVISIONING = ROOT / "grafana/provisioning"


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text("utf-8"))


def grafana_rules() -> list[dict]:
    groups = load(PROVISIONING / "alerting/rules.yaml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def prometheus_rules() -> list[dict]:
    groups = load(ROOT / "prometheus/rules/alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expand(text: str) -> str:
    """Fill in what Grafana does when it reads a provisioning file, without an environment."""
    return "$".join(re.sub(r"\$\{?\w+\}?", "", part) for part in text.split("$$"))


def test_the_rules_are_the_same():
    """Each rule asks, waits and is labelled as its Prometheus twin."""
    theirs = [
        (
            f"{rule['alert']} ({rule['labels']['severity']})",
            rule["expr"],
            {"0m": "0s"}.get(rule["for"], rule["for"]),
            rule["labels"],
        )
        for rule in prometheus_rules()
    ]
    ours = [
        (rule["title"], rule["data"][0]["model"]["expr"], rule["for"], rule["labels"])
        for rule in grafana_rules()
    ]
    assert ours == theirs


def test_templates_survive_the_environment():
    """After Grafana has filled in the environment, templates still name labels and value."""
    for ours, theirs in zip(grafana_rules(), prometheus_rules(), strict=True):
        texts = {key: expand(text) for key, text in ours["annotations"].items()}
        expected = {
            key: text.replace("$value", "$values.A.Value")
            for key, text in theirs["annotations"].items()
        }
        assert texts == expected


def test_a_rule_fires_on_any_value():
    """The condition is the query's own: what it returns fires, whatever its value."""
    for rule in grafana_rules():
        [condition] = [query for query in rule["data"] if query["refId"] == rule["condition"]]
        assert condition["datasourceUid"] == "__expr__"
        assert expand(condition["model"]["expression"]) == "is_number($A)"


def test_identities_are_unique_and_short():
    """Grafana takes identities of at most 40 characters."""
    identities = [rule["uid"] for rule in grafana_rules()]
    assert len(set(identities)) == len(identities)
    assert max(map(len, identities)) <= 40


def test_rules_are_an_option():
    """One variable pauses all of them."""
    assert {rule["isPaused"] for rule in grafana_rules()} == {"$OTELML_GRAFANA_ALERTS_PAUSED"}


def test_policies_lead_to_a_contact_point():
    """Each route ends at a receiver that exists, which sends e-mail."""
    points = load(PROVISIONING / "alerting/contact-points.yaml")["contactPoints"]
    [policy] = load(PROVISIONING / "alerting/policies.yaml")["policies"]
    receivers = {policy["receiver"], *(route["receiver"] for route in policy["routes"])}
    assert receivers == {point["name"] for point in points}
    assert [r["type"] for point in points for r in point["receivers"]] == ["email"]


def test_dashboards_come_from_where_compose_mounts_them():
    """The provider's folder is the compose file's mount of grafana/dashboards."""
    [provider] = load(PROVISIONING / "dashboards/otelml.yaml")["providers"]
    mounts = load(ROOT / "docker-compose.yml")["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
