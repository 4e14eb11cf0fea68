"""What of a sender's items is in the real stores, counted by their numbers."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from grafana.generate.logs_query import lines
from tests.acceptance._stores import Stores, found_lines, get
from tests.faults._sender import SIGNALS, Sender
from tests.faults._table import Row

EXPORTERS = {
    "spans": "otlp_grpc/jaeger",
    "points": "otlp_http/prometheus",
    "logs": "otlp_http/loki",
}
# A Collector that exports only what it is sent, so that its counters are about that alone.
NOTHING_OF_ITS_OWN = {
    "exporters": {"debug": {}},
    "service": {
        "pipelines": {
            "traces": {"exporters": [EXPORTERS["spans"]]},
            "metrics": {"receivers": ["otlp"]},
            "metrics/host": {"exporters": ["debug"]},
        }
    },
}
_DEADLINE_S = 120.0


class Arrived:
    """Counts a sender's items in the stores: how often each is there.

    Args:
        stores: The stores.
        sender: The sender.
    """

    def __init__(self, stores: Stores, sender: Sender) -> None:
        self.stores = stores
        self.sender = sender
        self.counts: dict[str, Counter[int]] = {signal: Counter() for signal in SIGNALS}

    def missing(self, signal: str) -> set[int]:
        """Return the acknowledged items that are not in the store, after another look."""
        look = {"spans": self._spans, "points": self._points, "logs": self._logs}[signal]
        look()
        return self.sender.acknowledged[signal] - self.counts[signal].keys()

    def settle(self, signal: str, timeout_s: float = _DEADLINE_S) -> set[int]:
        """Wait until all acknowledged items have arrived; return those that have not in time."""
        deadline = time.monotonic() + timeout_s
        while (missing := self.missing(signal)) and time.monotonic() < deadline:
            time.sleep(1.0)
        return missing

    def row(self, fault: str, signal: str, *, dropped: float = 0, note: str = "") -> Row:
        """Return the row of the table, from the last look."""
        sent, acknowledged = self.sender.sent[signal], self.sender.acknowledged[signal]
        found = self.counts[signal]
        return Row(
            fault=fault,
            signal=signal,
            sent=len(sent),
            acknowledged=len(acknowledged),
            arrived=len(found),
            duplicates=found.total() - len(found),
            lost=len(acknowledged - found.keys()),
            dropped=round(dropped),
            note=note,
        )

    def _spans(self) -> None:
        """Ask for the traces of which something is missing; Jaeger keeps one span of an id."""
        counts = self.counts["spans"]
        connection = http.client.HTTPConnection(urlsplit(self.stores.jaeger).netloc, timeout=30)
        try:
            for trace, numbers in self.sender.traces.items():
                if all(number in counts for number in numbers):
                    continue
                connection.request("GET", f"/api/traces/{trace.hex()}")
                with connection.getresponse() as response:
                    found = json.load(response).get("data") or []
                for number in numbers:
                    counts.pop(number, None)
                counts.update(int(s["spanID"], 16) - 1 for t in found for s in t["spans"])
        finally:
            connection.close()

    def _points(self) -> None:
        """Ask for the last value of each series, of which each holds one point."""
        query = f'last_over_time(fault_item{{service_name="{self.sender.service}"}}[2h])'
        url = f"{self.stores.prometheus}/api/v1/query"
        at = time.time()
        found: dict[int, float] = {}
        for ahead_s in (0, 3600):
            result = get(url, query=query, time=f"{at + ahead_s:.3f}")["data"]["result"]
            found |= {int(s["metric"]["item"]): float(s["value"][1]) for s in result}
        assert all(number == value for number, value in found.items())
        self.counts["points"] = Counter(found.keys())

    def _logs(self) -> None:
        """Read every line again, its last words only: lines may be long."""
        found = found_lines(
            self.stores.victorialogs,
            f"{lines(self.sender.service).logsql()} "
            '| extract_regexp "item (?P<item>[0-9]+)$" from _msg | fields item',
        )
        self.counts["logs"] = Counter(int(one["item"]) for one in found)


def counted(stores: Stores, what: str, signal: str) -> int:
    """Return a counter of the Collector for a signal, ``exporter_sent`` for one.

    Only what came in by OTLP, or goes to the signal's store.
    """
    names = {"spans": "spans", "points": "metric_points", "logs": "log_records"}
    label = {"exporter": EXPORTERS[signal]} if what.startswith("exporter") else {"receiver": "otlp"}
    return round(stores.counted(f"otelcol_{what}_{names[signal]}", **label))


def alert_result(stores: Stores, name: str) -> list[dict]:
    """Evaluate the expression of an alert rule now, on the live Prometheus."""
    groups = get(f"{stores.prometheus}/api/v1/rules", type="alert")["data"]["groups"]
    (rule,) = [r for group in groups for r in group["rules"] if r["name"] == name]
    return get(f"{stores.prometheus}/api/v1/query", query=rule["query"])["data"]["result"]


def resident_mib(pid: int) -> int:
    """Return the most memory that a process ever had resident, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024
