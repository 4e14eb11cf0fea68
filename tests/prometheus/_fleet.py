"""Replicas of a service under gunicorn, rows that each of them answered, and what the rules say."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from engines.stack import Stack
from tests._processes import ROOT, environment

EXPORT_MS = 250
WAIT_S = 60.0
LIMIT = 0.4
NAMES = ("age", "income", "children", "region")
_BATCH = 50
_LEVELS = ("north", "south", "west")


def table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> dict[str, list]:
    """Return columns of a kind each, income shifted by so many standard deviations of its log."""
    age = [
        None if gap else value
        for gap, value in zip(
            rng.random(rows) < 0.05, rng.normal(40, 9, rows).round(3).tolist(), strict=True
        )
    ]
    return {
        "age": age,
        "income": np.exp(rng.normal(shift, 1, rows)).round(6).tolist(),
        "children": rng.binomial(4, 0.3, rows).tolist(),
        "region": rng.choice(_LEVELS, rows, p=[0.5, 0.3, 0.2]).tolist(),
    }


def decided(columns: dict[str, list]) -> list[str]:
    """Return what the service decides."""
    return ["yes" if income > LIMIT else "no" for income in columns["income"]]


class Replica:
    """One gunicorn with one worker.

    Args:
        folder: Where its output and the reference are.
        endpoint: Of the Collector.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self.answered: dict[str, list] = {name: [] for name in (*NAMES, "prediction")}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._log = folder / f"replica-{self._port}.log"
        command = ["-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{self._port}"]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command, "tests.prometheus._fleet_app:app"],
                cwd=ROOT,
                env=environment(
                    OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                    OTEL_METRIC_EXPORT_INTERVAL=str(EXPORT_MS),
                    OTELML_LOGS_JSON="false",
                    REFERENCE=str(folder / "reference.json"),
                    LIMIT=str(LIMIT),
                ),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it listens."""
        deadline = time.monotonic() + WAIT_S
        while True:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "the replica does not listen"
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return

    def send(self, rng: np.random.Generator, shift: float) -> None:
        """Send one batch and keep what was answered."""
        columns = table(rng, _BATCH, shift)
        rows = [dict(zip(NAMES, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        body = json.dumps(rows).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/", body, timeout=20) as got:
            columns["prediction"] = json.load(got)
        for name, kept in self.answered.items():
            kept.extend(columns[name])

    def kill(self) -> None:
        """End master and worker at once, in a way that neither can handle."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def quick_rules(stack: Stack) -> None:
    """Let Prometheus evaluate the rules on drift each second: they are the same otherwise."""
    rules = stack.data / "prometheus/config/rules"
    rules.unlink()  # a link to those of the repository
    rules.mkdir()
    for path in sorted((ROOT / "prometheus/rules").glob("*.yml")):
        groups = yaml.safe_load(path.read_text("utf-8"))["groups"]
        kept = [
            {**one, "interval": "1s"} for one in groups if one["name"].startswith("otelml-drift")
        ]
        (rules / path.name).write_text(yaml.safe_dump({"groups": kept}), "utf-8")
    stack.process("prometheus").signal(signal.SIGHUP)


class Asked:
    """What Prometheus answers.

    Args:
        stack: With Prometheus.
    """

    def __init__(self, stack: Stack) -> None:
        self._url = f"{stack.url('prometheus')}/api/v1/query"

    def series(self, query: str) -> list[dict]:
        """Return the series of a query."""
        parameters = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self._url}?{parameters}", timeout=10) as got:
            return json.load(got)["data"]["result"]

    def by_feature(self, query: str) -> dict[str, float]:
        """Return its values by feature."""
        found = self.series(query)
        return {one["metric"]["ml_feature_name"]: float(one["value"][1]) for one in found}

    def alerts(self) -> set[tuple[str, str, str]]:
        """Return name, state and feature of each alert that there was in the last hour."""
        found = self.series("count_over_time(ALERTS[1h])")
        names = ("alertname", "alertstate", "ml_feature_name")
        return {tuple(one["metric"].get(name, "") for name in names) for one in found}

    def instances(self) -> set[str]:
        """Return the processes whose bins are there."""
        found = self.series("count by (instance) (ml_feature_values_total)")
        return {one["metric"]["instance"] for one in found}


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_S:g} s: {what}"
        time.sleep(0.2)
