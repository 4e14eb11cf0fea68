"""docker-compose.secure.yml: one switch, and every listener that can speak TLS does."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from engines.launch import COLLECTOR_BASE, SECURE_CONFIGS
from engines.secrets import GIVEN
from tests.compose.test_compose import COMPOSE, HERE, ROOT, SERVICES

SECURE = yaml.safe_load((ROOT / "docker-compose.secure.yml").read_text())
OVER = SECURE["services"]
TLS = ("cert.pem", "key.pem")
# What stays without TLS, on the network of the stores: docs/security.md says so.
PLAIN = {"loki", "kafka", "mail"}


def test_schema():
    """The file follows the Compose Specification's schema, and lays itself over what there is."""
    schema = json.loads((HERE / "schema/compose-spec.json").read_text())
    errors = jsonschema.Draft7Validator(schema).iter_errors(SECURE)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    assert set(OVER) == set(SERVICES) - PLAIN - {"secrets"}


def test_it_opens_nothing():
    """It neither publishes a port nor joins a network, and mounts only secrets."""
    for service in OVER.values():
        assert not {"ports", "networks", "privileged", "user", "cap_add"} & set(service)
        assert all(volume.startswith("secrets-") for volume in service.get("volumes", ()))


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "victorialogs"])
def test_flags(name):
    """A command that is laid over has all flags of the one below, but for the ways to TLS."""
    swap = {"prometheus.yml": "prometheus-tls.yml", "web.yml": "web-tls.yml"}
    below = SERVICES[name]["command"]
    for old, new in swap.items():
        below = [
            f.replace(f"/{old}", f"/{new}") if "web.config" in f or "prom" in f else f
            for f in below
        ]
    added = {
        "-tls",
        "-tlsCertFile=/run/otelml/cert.pem",
        "-tlsKeyFile=/run/otelml/key.pem",
        "-tlsMinVersion=TLS12",
    }
    assert set(OVER[name]["command"]) - added == set(below)
    assert added <= set(OVER[name]["command"]) or name != "victorialogs"


@pytest.mark.parametrize("name", ["collector", "gateway", "kafka-consumer", "jaeger"])
def test_configs(name):
    """The files that are laid over are those of `make stack ARGS=--secure`."""
    engine = "jaeger" if name == "jaeger" else "collector"
    inside = "/etc/jaeger/" if name == "jaeger" else "/etc/otelcol/"
    wanted = [f"--config={inside}{f.removeprefix(f'{engine}/')}" for f in SECURE_CONFIGS[engine]]
    command = OVER[name]["command"]
    start = command.index(wanted[0])
    assert command[start : start + len(wanted)] == wanted
    below = [f for f in SERVICES[name]["command"] if "login" not in f]
    assert command[:start] == below
    assert COLLECTOR_BASE[0].name in command[0] or name == "jaeger"


def test_stores_are_asked_over_tls():
    """Each address of a store that speaks TLS begins with https."""
    for service in OVER.values():
        for variable, value in service.get("environment", {}).items():
            if variable.endswith("_URL"):
                assert value.startswith("https://"), variable


def test_each_that_speaks_tls_is_given_its_files():
    """Certificate and key, and whom to trust, are among its own secrets."""
    for name in OVER:
        owner = "collector" if name in {"gateway", "kafka-consumer"} else name
        wanted = {"ca.pem"} if name == "demo" else {*TLS, "ca.pem"}
        assert wanted <= set(GIVEN[owner]), name


def test_prometheus_reads_the_same_but_for_tls():
    """`prometheus-tls.yml` is `prometheus.yml` with TLS where it asks, and nothing else differs."""
    plain = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    tls = yaml.safe_load((ROOT / "prometheus/prometheus-tls.yml").read_text())
    (alertmanager,) = tls["alerting"]["alertmanagers"]
    (scrape,) = tls["scrape_configs"]
    trust = {"ca_file": "access/ca.pem"}
    assert alertmanager.pop("tls_config") == scrape.pop("tls_config") == trust
    assert alertmanager.pop("scheme") == "https"
    relabelling = scrape["relabel_configs"].pop(-2)
    assert relabelling["target_label"] == "__scheme__"
    assert set(relabelling["regex"].split("|")) == {"prometheus", "alertmanager", "victorialogs"}
    assert tls == plain


def test_the_core_is_not_secure_by_itself():
    """The switch is the file: the core does not name it."""
    assert "secure" not in json.dumps(COMPOSE)
