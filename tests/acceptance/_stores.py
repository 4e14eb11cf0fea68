"""Questions to the real stores, and bounded waits for their answers."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter

import pytest

from grafana.generate.logs_query import Counted, LogsQuery, field, lines

SERVICE = "loan-api"
_WAIT_S = 30.0
_EVERY_S = 0.2
_MANY = "4000"
# Whatever time it has: a store of logs answers no question about more than that.
_ALL_TIME = {"start": "0", "end": "2100-01-01T00:00:00Z"}


def get(url: str, **parameters: str) -> dict:
    """GET JSON; an empty answer where there is nothing under that address."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    try:
        with urllib.request.urlopen(url + query, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return {"data": []}
        raise


def found_lines(victorialogs: str, query: LogsQuery | str) -> list[dict[str, str]]:
    """Return the fields of each log line that a query finds; the line itself is ``_msg``."""
    text = query if isinstance(query, str) else query.logsql()
    asked = urllib.parse.urlencode({"query": text, **_ALL_TIME})
    url = f"{victorialogs}/select/logsql/query?{asked}"
    with urllib.request.urlopen(url, timeout=60) as response:
        return [json.loads(line) for line in response]


def counted_lines(victorialogs: str, query: Counted) -> int:
    """Return the one number that a query of log lines answers with."""
    answer = get(f"{victorialogs}/select/logsql/stats_query", query=query.logsql())
    (result,) = answer["data"]["result"]
    return int(result["value"][1])


def eventually(question, expected):
    """Ask until the answer is the expected one; fail with the last answer."""
    deadline = time.monotonic() + _WAIT_S
    while (answer := question()) != expected and time.monotonic() < deadline:
        time.sleep(_EVERY_S)
    assert answer == expected


class Span:
    """A span as Jaeger has it."""

    def __init__(self, raw: dict) -> None:
        self.name: str = raw["operationName"]
        self.trace_id: str = raw["traceID"]
        self.id: str = raw["spanID"]
        self.duration_us: int = raw["duration"]
        self.tags = {tag["key"]: tag["value"] for tag in raw["tags"]}
        self.warnings: list[str] = raw["warnings"] or []
        related = {"CHILD_OF": [], "FOLLOWS_FROM": []}
        for reference in raw["references"]:
            related[reference["refType"]].append((reference["traceID"], reference["spanID"]))
        self.parents, self.links = related["CHILD_OF"], related["FOLLOWS_FROM"]


class Stores:
    """The stores of one stack.

    Args:
        stack: The stack, running.
    """

    def __init__(self, stack) -> None:
        self.collector = stack.url("collector", "metrics")
        self.jaeger = stack.url("jaeger")
        self.prometheus = stack.url("prometheus")
        self.victorialogs = stack.url("victorialogs")

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace, none if it is not there."""
        found = get(f"{self.jaeger}/api/traces/{trace_id}")["data"]
        return [Span(raw) for trace in found for raw in trace["spans"]]

    def traces(self, operation: str | None = None) -> list[Span]:
        """Return the spans of every trace of the service, or of those with this operation."""
        parameters = {"service": SERVICE, "limit": _MANY}
        if operation:
            parameters["operation"] = operation
        found = get(f"{self.jaeger}/api/traces", **parameters)["data"]
        return [Span(raw) for trace in found for raw in trace["spans"]]

    def sums(self, metric: str, *labels: str) -> Counter:
        """Return the sums of a metric of the service by labels, 0 left out."""
        query = f'sum by ({", ".join(labels)}) ({metric}{{service_name="{SERVICE}"}})'
        found = get(f"{self.prometheus}/api/v1/query", query=query)["data"]["result"]
        sums = {
            tuple(series["metric"].get(label, "") for label in labels): float(series["value"][1])
            for series in found
        }
        return Counter({key: value for key, value in sums.items() if value})

    def exemplars(self, metric: str) -> list[tuple[dict, dict, float]]:
        """Return the exemplars of a metric: labels of the series, of the exemplar, value."""
        now = time.time()
        found = get(
            f"{self.prometheus}/api/v1/query_exemplars",
            query=f'{metric}{{service_name="{SERVICE}"}}',
            start=str(now - 600),
            end=str(now + 60),
        )["data"]
        return [
            (series["seriesLabels"], exemplar["labels"], float(exemplar["value"]))
            for series in found
            for exemplar in series["exemplars"]
        ]

    def logs(self, trace_id: str | None = None) -> list[tuple[str, dict]]:
        """Return the lines of the service, or those of a trace: text and fields."""
        query = lines(SERVICE)
        if trace_id:
            query = query.where(field("trace_id", trace_id))
        return [(found["_msg"], found) for found in found_lines(self.victorialogs, query)]

    def counted(self, name: str, **labels: str) -> float:
        """Return a counter of the Collector, summed over the streams that have these labels."""
        with urllib.request.urlopen(f"{self.collector}/metrics", timeout=10) as response:
            text = response.read().decode()
        lines = re.findall(rf"^{name}(?:_total)?\{{(.*)\}} (\S+)$", text, re.MULTILINE)
        return sum(
            float(value)
            for found, value in lines
            if all(f'{label}="{wanted}"' in found for label, wanted in labels.items())
        )


def only(spans: list[Span], name: str) -> Span:
    """Return the one span of this name."""
    found = [span for span in spans if span.name == name]
    if len(found) != 1:
        pytest.fail(f"{len(found)} spans are named {name}: {[span.name for span in spans]}")
    return found[0]
