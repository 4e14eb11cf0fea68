"""An alert of a real failure becomes an e-mail in a real mailbox, and so does its end."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from datetime import datetime, timezone

import pytest

from engines.launch import SHARED_FILES
from engines.stack import Stack
from engines.table import ROOT
from tests.acceptance._stores import eventually, get
from tests.acceptance.conftest import free_ports
from tests.alertmanager._mailbox import Mailbox, make_account

pytestmark = pytest.mark.stack

_ENGINES = ("alertmanager", "prometheus", "collector")
_RUNBOOK = "https://github.com/otelml/otelml/blob/main/docs/runbooks/"
_SOON = {
    "OTELML_ALERT_GROUP_WAIT": "1s",
    "OTELML_ALERT_CRITICAL_WAIT": "1s",
    "OTELML_ALERT_GROUP_INTERVAL": "1s",
}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """Return what the mail server asks for."""
    return make_account(tmp_path_factory.mktemp("smtp"), "otelml", "correct horse")


def settings(mailbox, account, folder, **more: str) -> dict[str, dict[str, str]]:
    """Return Alertmanager's environment for an account of a mail server."""
    password = folder / "password"
    password.write_text(account.password)
    mine = {
        "OTELML_SMTP_SMARTHOST": mailbox.address,
        "OTELML_SMTP_FROM": "otelml@example.org",
        "OTELML_SMTP_USERNAME": account.username,
        "OTELML_SMTP_PASSWORD_FILE": str(password),
        "OTELML_ALERT_EMAIL_TO": "team@example.org",
        "OTELML_ALERT_EMAIL_CRITICAL_TO": "pager@example.org",
        # Where Go looks for whom to trust.
        "SSL_CERT_FILE": str(account.certificate),
    }
    return {"alertmanager": mine | _SOON | more}


def hurry(stack: Stack) -> None:
    """Let Prometheus read copies of its files in which waiting is short, and the same otherwise.

    Scrapes and evaluations come every second and not every 15 s, ``for`` is 2 s and not minutes;
    only the engines that run are scraped. Prometheus is told to read its configuration anew.
    """
    config = stack.data / "prometheus/config"
    for shared in SHARED_FILES["prometheus"]:
        link = config / shared.removeprefix("prometheus/")
        link.unlink()
        files = (ROOT / shared).glob("*.yml") if (ROOT / shared).is_dir() else [ROOT / shared]
        for file in files:
            copy = config / file.relative_to(ROOT / "prometheus")
            copy.parent.mkdir(exist_ok=True)
            text = re.sub(r"(?m)^(\s+(?:interval|\w+_interval)): 15s$", r"\1: 1s", file.read_text())
            text = text.replace("scrape_timeout: 10s", "scrape_timeout: 1s")
            copy.write_text(re.sub(r"(?m)^(\s+for): \d+m$", r"\1: 2s", text))
    targets = config / "targets/stack.json"
    groups = json.loads(targets.read_text())
    targets.write_text(json.dumps([g for g in groups if g["labels"]["engine"] in stack.engines]))
    stack.process("prometheus").signal(signal.SIGHUP)
    shown = f"{stack.url('prometheus')}/api/v1/status/config"
    eventually(lambda: "scrape_interval: 1s" in get(shown)["data"]["yaml"], expected=True)
    eventually(lambda: get_up(stack), dict.fromkeys(stack.engines, 1.0))


def get_up(stack: Stack) -> dict[str, float]:
    """Return what answers Prometheus."""
    found = get(f"{stack.url('prometheus')}/api/v1/query", query="up")["data"]["result"]
    return {series["metric"]["job"]: float(series["value"][1]) for series in found}


@pytest.fixture(scope="module")
def site(tmp_path_factory, account):
    """Alertmanager, Prometheus and a Collector, and the mailbox that they write to."""
    folder = tmp_path_factory.mktemp("email")
    with Mailbox(account) as mailbox:
        environment = settings(mailbox, account, folder)
        ports = free_ports(27000)
        with Stack(folder / "stack", ports, engines=_ENGINES, environment=environment) as stack:
            hurry(stack)
            yield stack, mailbox


def tell(stack: Stack, *alerts: dict[str, str]) -> None:
    """Hand Alertmanager alerts by their labels, as Prometheus does."""
    body = [
        {
            "labels": labels,
            "annotations": {"summary": f"{labels['alertname']} at {labels['instance']}"},
            "startsAt": datetime.now(timezone.utc).isoformat(),
        }
        for labels in alerts
    ]
    request = urllib.request.Request(
        f"{stack.url('alertmanager')}/api/v2/alerts",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def labels(name: str, severity: str, instance: str = "a", **more: str) -> dict[str, str]:
    """Return the labels of an alert."""
    return {"alertname": name, "severity": severity, "instance": instance, **more}


@pytest.mark.slow
def test_a_dead_collector_is_written_about(site):
    """Its end is an e-mail to whom critical alerts go, and so is its return."""
    stack, mailbox = site
    assert get_up(stack) == dict.fromkeys(_ENGINES, 1.0)
    stack.kill("collector")
    fired = mailbox.wait_for(lambda mail: "collector does not answer" in mail.subject)
    stack.restart("collector")
    resolved = mailbox.wait_for(
        lambda mail: mail is not fired and "collector does not answer" in mail.subject
    )
    assert fired.subject == "[CRITICAL] collector does not answer"
    assert resolved.subject == "[RESOLVED] collector does not answer"
    where = stack.ports.address("collector", "metrics")
    for mail in (fired, resolved):
        assert mail.to == ("pager@example.org",)
        assert mail.sender == "otelml@example.org"
        assert (mail.login, mail.encrypted) == ("otelml", True)
        for line in (
            "alertname = StackDown",
            "job = collector",
            "severity = critical",
            "summary = collector does not answer",
            f"description = collector on {where} has not answered Prometheus for 2 minutes.",
            f"runbook_url = {_RUNBOOK}StackDown.md",
        ):
            assert line in mail.text.splitlines()
    assert "[1] Firing" in fired.text.splitlines()
    assert "[1] Resolved" in resolved.text.splitlines()


def test_several_at_once_are_one_mail(site):
    """Critical alerts that differ in their summaries are told in one e-mail, with a subject."""
    stack, mailbox = site
    tell(stack, *(labels("Stopped", "critical", name) for name in ("orders", "returns")))
    mail = mailbox.wait_for(lambda mail: "alertname = Stopped" in mail.text.splitlines())
    assert mail.subject == "[CRITICAL] Stopped: 2 alerts"
    assert {"instance = orders", "instance = returns"} <= set(mail.text.splitlines())


def test_the_louder_silences_the_softer(site):
    """A warning is held back while the same thing is critical; another's warning is sent."""
    stack, mailbox = site
    tell(stack, labels("DiskFull", "critical", mountpoint="/data"))
    mailbox.wait_for(lambda mail: mail.subject == "[CRITICAL] DiskFull at a")
    tell(stack, labels("DiskFull", "warning", mountpoint="/data"))
    eventually(lambda: states(stack, "DiskFull", "warning"), {"/data": "suppressed"})
    tell(stack, labels("DiskFull", "warning", mountpoint="/var"))
    mail = mailbox.wait_for(lambda mail: "mountpoint = /var" in mail.text.splitlines())
    assert mail.to == ("team@example.org",)
    assert "mountpoint = /data" not in mail.text.splitlines()
    now = {"/data": "suppressed", "/var": "active"}
    assert states(stack, "DiskFull", "warning") == now


def test_nobody_is_woken_for_information(site):
    """An alert for dashboards is with Alertmanager and in no e-mail, where a later one is."""
    stack, mailbox = site
    tell(stack, labels("Curious", "info"))
    tell(stack, labels("Odd", "warning"))
    mailbox.wait_for(lambda mail: "alertname = Odd" in mail.text.splitlines())
    assert [mail.subject for mail in mailbox.mails if "Curious" in mail.text] == []
    assert states(stack, "Curious", "info") == {"": "active"}


def states(stack: Stack, name: str, severity: str) -> dict[str, str]:
    """Return the state of each alert of a name and severity by its mountpoint."""
    found = get(f"{stack.url('alertmanager')}/api/v2/alerts", filter=f'alertname="{name}"')
    return {
        alert["labels"].get("mountpoint", ""): alert["status"]["state"]
        for alert in found
        if alert["labels"]["severity"] == severity
    }


@pytest.mark.parametrize("wrong", ["password", "certificate", "no TLS"])
def test_a_mail_server_that_cannot_be_had(wrong, account, tmp_path):
    """A wrong password, an unknown certificate or no TLS is counted, and nothing is handed over."""
    with Mailbox(None if wrong == "no TLS" else account) as mailbox:
        environment = settings(mailbox, account, tmp_path)
        if wrong == "password":
            (tmp_path / "password").write_text("battery staple")
        if wrong == "certificate":
            other = make_account(tmp_path, "x", "y")
            environment["alertmanager"]["SSL_CERT_FILE"] = str(other.certificate)
        with alone(tmp_path, environment) as stack:
            tell(stack, labels("Lost", "warning"))
            eventually(lambda: failed(stack) > 0, expected=True)
    assert mailbox.mails == []


def test_a_mail_server_of_the_house(account, tmp_path):
    """One that asks for neither TLS nor a password is sent to when told so."""
    with Mailbox() as mailbox:
        environment = settings(
            mailbox, account, tmp_path, OTELML_SMTP_USERNAME="", OTELML_SMTP_REQUIRE_TLS="false"
        )
        with alone(tmp_path, environment) as stack:
            tell(stack, labels("Kept", "warning"))
            mail = mailbox.wait_for(lambda _: True)
            assert failed(stack) == 0
    assert (mail.to, mail.login, mail.encrypted) == (("team@example.org",), None, False)


def alone(folder, environment) -> Stack:
    """Return a stack of Alertmanager only."""
    return Stack(
        folder / "stack", free_ports(27000), engines=("alertmanager",), environment=environment
    )


def failed(stack: Stack) -> float:
    """Return how many attempts to send an e-mail failed; they are repeated for 10 s."""
    with urllib.request.urlopen(f"{stack.url('alertmanager')}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    name = "alertmanager_notification_requests_failed_total"
    values = re.findall(rf'(?m)^{name}\{{integration="email"[^}}]*\}} (\S+)$', text)
    return sum(map(float, values))
