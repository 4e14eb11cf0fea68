"""The proxy's example with the real Prometheus, Alertmanager and a mail server on loopback."""

from __future__ import annotations

import csv
import time

import pytest

from engines.stack import Stack
from tests.acceptance.conftest import free_ports
from tests.alertmanager._mailbox import Mailbox, make_account
from tests.alertmanager.test_email import hurry, settings
from tests.examples._mlflow import model_server
from tests.examples._service import served

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

_ENGINES = ("alertmanager", "prometheus", "collector")


@pytest.fixture(scope="module")
def mailbox_and_stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mail")
    account = make_account(folder, "otelml", "correct horse")
    with Mailbox(account) as mailbox:
        environment = settings(mailbox, account, folder)
        ports = free_ports(11000)  # below those that the system gives to clients
        with Stack(folder / "stack", ports, engines=_ENGINES, environment=environment) as stack:
            hurry(stack)
            yield mailbox, stack


def test_b5_a_failing_model_server_is_written_about(mailbox_and_stack, tmp_path):
    """More than 10 % fail: an e-mail to the contact point, and one when it is over."""
    mailbox, stack = mailbox_and_stack
    with model_server() as server, served(
        "mlflow_proxy", tmp_path, f"otelml proxy {server.url}",
        OTEL_EXPORTER_OTLP_ENDPOINT=stack.url("collector"),
    ) as proxy:  # fmt: skip
        with (proxy.folder / "build/wines.csv").open() as file:
            columns, *rows = csv.reader(file)
        data = [[float(value) for value in rows[0]]]
        body = {"dataframe_split": {"columns": columns, "data": data}}

        def send(count, pause_s=0.0):
            for _ in range(count):
                proxy.post("/invocations", body)
                time.sleep(pause_s)

        def is_ours(mail):
            return "alertname = PredictionFailureRateHigh" in mail.text.splitlines()

        send(5)
        server.failing = 500
        send(40, pause_s=0.2)  # a rate needs two points
        fired = mailbox.wait_for(is_ours)
        server.failing = 200
        send(600)
        resolved = mailbox.wait_for(lambda mail: is_ours(mail) and mail is not fired)
    for mail, state in ((fired, "Firing"), (resolved, "Resolved")):
        assert mail.to[0] in ("team@example.org", "pager@example.org")
        assert f"[1] {state}" in mail.text.splitlines()
        assert "ml_model_name = wine" in mail.text.splitlines()
