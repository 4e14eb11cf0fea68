"""What OpenTelemetry's Java agent sends of a service is stored, and its pages show it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ui_api import Site
from ui_browser import Browser

from otelml.viewer import Viewer

pytestmark = [pytest.mark.stack, pytest.mark.slow]  # make test-stack installs Java and Maven

SOURCE = Path(__file__).parent / "senders" / "Sender.java"
AGENT = "io.opentelemetry.javaagent:opentelemetry-javaagent:2.10.0"
ROUNDS = 20


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of the service with the agent."""
    folder = tmp_path_factory.mktemp("java")
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
    fetch = ["mvn", "-q", "-B", plugin, f"-Dartifact={AGENT}", f"-DoutputDirectory={folder}"]
    subprocess.run([*fetch, "-Dmdep.stripVersion=true"], check=True, timeout=200, cwd=folder)
    build = ["javac", "-encoding", "UTF-8", "-d", str(folder), str(SOURCE)]
    subprocess.run(build, check=True, timeout=100)
    agent = folder / "opentelemetry-javaagent.jar"
    return ["java", f"-javaagent:{agent}", "-cp", str(folder), "Sender", str(ROUNDS)]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_what_the_agent_sends_is_stored_and_shown(
    browser: Browser, java: list[str], protocol: str
) -> None:
    """A client's span and a record a round; durations of HTTP."""
    viewer = Viewer(grpc_port=0, http_port=0, web_port=0)
    viewer.start()
    try:
        port = viewer.ports.grpc if protocol == "grpc" else viewer.ports.http
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        settings = {
            "OTEL_SERVICE_NAME": "java-service",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        }
        done = subprocess.run(
            java, env={**clean, **settings}, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "ERROR" not in done.stderr, done.stderr
        site = Site(
            web=f"http://127.0.0.1:{viewer.ports.web}", otlp=f"http://127.0.0.1:{viewer.ports.http}"
        )
        stored = site.api("/status")
        assert (stored["rejected"], stored["dropped"]) == (0, 0), stored
        assert (stored["spans"], stored["logs"]) == (ROUNDS, ROUNDS)
        traces = site.api("/traces")["traces"]
        assert [trace["spans"] for trace in traces] == [1] * ROUNDS
        answer = site.api("/metrics/query", name="http.client.request.duration", agg="sum")
        values = [value for each in answer["series"] for value in each["values"]]
        assert sum(value for value in values if value) > 0
        browser.open(site.page("/services"))
        browser.one(".table tbody tr", "java-service")
        browser.open(site.page(f"/traces/{traces[0]['trace_id']}"))
        browser.until(lambda: len(browser.all(".span-row")) == 1, "the agent's span")
        browser.open(site.page("/logs"))
        browser.one(".log", f"round {ROUNDS - 1}")
        assert browser.problems() == []
    finally:
        viewer.stop()
