"""alertmanager/start.sh: what it writes out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

ALERTMANAGER = Path(__file__).resolve().parents[2] / "alertmanager"


@pytest.fixture
def rendered(tmp_path):
    """Render the template with an environment; return the parsed file."""

    def render(**environment: str) -> dict:
        output = tmp_path / "alertmanager.yml"
        subprocess.run(
            ["sh", ALERTMANAGER / "start.sh", ALERTMANAGER / "alertmanager.yml", output],
            env={"PATH": "/usr/bin:/bin", **environment},
            check=True,
        )
        assert output.stat().st_mode & 0o077 == 0
        assert "${" not in output.read_text()
        return yaml.safe_load(output.read_text())

    return render


def test_without_a_mail_server(rendered):
    """Nothing of e-mail is left, and every receiver that a route names is there."""
    config = rendered()
    assert config["global"] == {"resolve_timeout": "5m"}
    assert config["receivers"] == [
        {"name": name} for name in ("default", "critical", "warning", "silent")
    ]


def test_with_a_mail_server(rendered):
    """The SMTP settings are the environment's; the password stays in its file."""
    config = rendered(
        OTELML_SMTP_SMARTHOST="mail.example.org:587",
        OTELML_SMTP_USERNAME="o'tel$ml",
        OTELML_ALERT_EMAIL_TO="ops@example.org",
        OTELML_ALERT_EMAIL_CRITICAL_TO="pager@example.org",
    )
    assert config["global"] == {
        "resolve_timeout": "5m",
        "smtp_smarthost": "mail.example.org:587",
        "smtp_from": "otelml@localhost",
        "smtp_hello": "localhost",
        "smtp_auth_username": "o'tel$ml",
        "smtp_auth_password_file": "/run/secrets/smtp_password",
        "smtp_require_tls": True,
    }
    sent_to = {
        r["name"]: [e["to"] for e in r.get("email_configs", [])] for r in config["receivers"]
    }
    assert sent_to == {
        "default": ["ops@example.org"],
        "critical": ["pager@example.org"],
        "warning": ["ops@example.org"],
        "silent": [],
    }


def test_one_address_is_enough(rendered):
    """Critical alerts go where the others go, unless told otherwise."""
    config = rendered(OTELML_SMTP_SMARTHOST="m:25", OTELML_ALERT_EMAIL_TO="o'ps@example.org")
    critical = next(r for r in config["receivers"] if r["name"] == "critical")
    assert critical["email_configs"][0]["to"] == "o'ps@example.org"


def test_webhook(rendered):
    """A webhook's address comes from a file, as it holds its secret."""
    config = rendered(OTELML_ALERT_WEBHOOK_FILE="/run/secrets/hook")
    critical = next(r for r in config["receivers"] if r["name"] == "critical")
    assert critical == {
        "name": "critical",
        "webhook_configs": [{"url_file": "/run/secrets/hook", "send_resolved": True}],
    }


def test_becomes_the_command(tmp_path):
    """What follows the two files is executed once the file is written."""
    output = tmp_path / "out.yml"
    said = subprocess.run(
        ["sh", ALERTMANAGER / "start.sh", ALERTMANAGER / "alertmanager.yml", output, "cat", output],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    ).stdout
    assert said == output.read_bytes() != b""
