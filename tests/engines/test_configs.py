"""Each configuration is accepted by the very engine it is for."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from engines.build import binary
from engines.stack import Stack
from otelml import semconv

ROOT = Path(__file__).resolve().parents[2]
COLLECTOR = ROOT / "collector"

pytestmark = pytest.mark.stack

COMBINATIONS = [
    (),
    ("gateway",),
    ("agent-loadbalancing",),
    ("overlays/tls-token",),
    ("gateway", "overlays/tls-token"),
    ("agent-loadbalancing", "overlays/tls-token-client"),
    ("overlays/kafka-producer",),
    ("overlays/kafka-consumer",),
    ("overlays/remote-write",),
    ("gateway", "overlays/remote-write"),
    ("overlays/file",),
    ("overlays/victorialogs", "overlays/file"),
    ("gateway", "overlays/victorialogs"),
    ("overlays/login-stores", "overlays/login"),
    ("gateway", "overlays/login-stores"),
    ("overlays/kafka-consumer", "overlays/login-stores"),
    ("overlays/login-stores", "overlays/tls-stores", "overlays/tls-token"),
    (
        "agent-loadbalancing",
        "overlays/login-stores",
        "overlays/tls-stores",
        "overlays/tls-token",
        "overlays/secure-agent",
    ),
]


def check(*command: object, **environment: str) -> str:
    """Run a check; fail with all it said."""
    result = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture
def certificate(tmp_path):
    """Return a self-signed certificate, its key and a token as the overlays' environment."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"),
            *("-out", "cert.pem", "-days", "1", "-subj", "/CN=x"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    (tmp_path / "token").write_text("abc\n")
    (tmp_path / "basic").write_text("YWJj")
    return {
        "OTELML_SECRETS_DIR": str(tmp_path),
        "OTELML_TLS_CERT_FILE": str(tmp_path / "cert.pem"),
        "OTELML_TLS_KEY_FILE": str(tmp_path / "key.pem"),
        "OTELML_TLS_CA_FILE": str(tmp_path / "cert.pem"),
        "OTELML_TOKEN_FILE": str(tmp_path / "token"),
    }


@pytest.mark.parametrize("overlays", COMBINATIONS, ids=lambda o: "+".join(o) or "agent")
def test_collector(overlays, certificate, tmp_path):
    """The Collector validates its configuration with every overlay that fits."""
    files = [COLLECTOR / "config.yaml", *(COLLECTOR / f"{name}.yaml" for name in overlays)]
    check(
        binary("otelcol-otelml"),
        "validate",
        *(f"--config={file}" for file in files),
        **certificate,
        OTELML_COLLECTOR_QUEUE_DIR=str(tmp_path / "queue"),
    )


@pytest.mark.parametrize("overlays", COMBINATIONS, ids=lambda o: "+".join(o) or "agent")
def test_collector_starts(overlays, certificate, tmp_path, ports):
    """The Collector becomes healthy with each of them, its stores away, and calls no key old."""
    configs = tuple(COLLECTOR / f"{name}.yaml" for name in overlays)
    stack = Stack(
        tmp_path,
        ports,
        engines=("collector",),
        environment={"collector": certificate},
        collector_configs=configs,
        # As users run it, whose logs go to Loki.
        collector_base=(COLLECTOR / "config.yaml",),
    )
    with stack:
        assert stack.healthy("collector")
    log = stack.process("collector").log.read_text()
    assert "deprecated" not in log.lower()


def test_every_collector_file_is_checked():
    """No file of collector/ is left out above."""
    there = {str(f.relative_to(COLLECTOR).with_suffix("")) for f in COLLECTOR.rglob("*.yaml")}
    there.discard("kustomization")  # of Kubernetes
    assert there == {"config", *(name for overlays in COMBINATIONS for name in overlays)}


def test_collector_refuses_a_wrong_key(tmp_path):
    """The check can fail: a key that no component has is refused."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("processors: {memory_limiter: {limit_mb: 1}}\n")
    with pytest.raises(AssertionError, match="limit_mb"):
        check(
            binary("otelcol-otelml"),
            "validate",
            f"--config={COLLECTOR}/config.yaml",
            f"--config={wrong}",
        )


def test_prometheus():
    """Promtool accepts the configuration and all it refers to."""
    said = check(binary("promtool"), "check", "config", ROOT / "prometheus/prometheus.yml")
    assert "FAILED" not in said


@pytest.mark.parametrize("smarthost", ["", "127.0.0.1:25"], ids=["silent", "e-mail"])
def test_alertmanager(smarthost, tmp_path):
    """Amtool accepts what start.sh writes."""
    output = tmp_path / "alertmanager.yml"
    source = ROOT / "alertmanager"
    check(
        "sh",
        source / "start.sh",
        source / "alertmanager.yml",
        output,
        OTELML_SMTP_SMARTHOST=smarthost,
    )
    check(binary("amtool"), "check-config", output)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=critical"], "critical"),
        (["severity=warning"], "warning"),
        (["severity=info"], "silent"),
        (["alertname=Unlabelled"], "default"),
    ],
)
def test_routes(labels, receiver, tmp_path):
    """An alert goes to the receiver of its severity."""
    output = tmp_path / "alertmanager.yml"
    source = ROOT / "alertmanager"
    check("sh", source / "start.sh", source / "alertmanager.yml", output)
    said = check(binary("amtool"), "config", "routes", "test", f"--config.file={output}", *labels)
    assert said.strip() == receiver


def test_jaeger_ui():
    """Jaeger's UI file is JSON and links traces to their logs."""
    config = json.loads((ROOT / "jaeger/ui.json").read_text())
    assert [link["type"] for link in config["linkPatterns"]] == ["traces", "tags"]
    assert "#{traceID}" in config["linkPatterns"][0]["url"]


def _is_name(constant: object) -> bool:
    return isinstance(constant, (str, semconv.Metric))


def test_names_are_those_of_semconv():
    """Every ml.* name in the Collector's files is one that otelml emits."""
    constants = vars(semconv).values()
    known = {c.name if isinstance(c, semconv.Metric) else c for c in constants if _is_name(c)}
    used = {
        name
        for file in COLLECTOR.rglob("*.yaml")
        for name in re.findall(r"\bml\.[a-z_]+(?:\.[a-z_]+)+", file.read_text())
    }
    assert used, "the files name some"
    assert used - known == set()
