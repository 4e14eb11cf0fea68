"""Secrets in telemetry: none of them is in a store, on a disk or in a log; counts of tokens are."""

from __future__ import annotations

import json
import secrets
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from engines.stack import Stack
from grafana.generate.logs_query import lines
from tests.acceptance._stores import Stores, eventually, found_lines, get
from tests.security._otlp import Sender
from tests.security.conftest import STORES, free_ports

pytestmark = pytest.mark.stack

MASK = "****"
HARMLESS = {
    "gen_ai.usage.input_tokens": 1234,
    "gen_ai.usage.output_tokens": 56,
    "llm.token_count.total": 1290,
    "tokenizer": "bpe: 50k, 1:1",
    "url.full": "http://localhost:8000/predict?model=loan",
    "ratio": 0.25,
    "fits": True,
}


def value(of: object) -> AnyValue:
    """Return anything as an OTLP value."""
    if isinstance(of, dict):
        result = AnyValue()
        result.kvlist_value.SetInParent()
        result.kvlist_value.values.extend(attributes(of))
        return result
    if isinstance(of, list):
        result = AnyValue()
        result.array_value.values.extend(value(one) for one in of)
        return result
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return AnyValue(**{kinds[type(of)]: of})


def attributes(of: dict) -> list[KeyValue]:
    """Return attributes."""
    return [KeyValue(key=key, value=value(one)) for key, one in of.items()]


@dataclass
class Planted:
    """Telemetry full of secrets; each secret is its own, so that a leak names its place.

    Args:
        secrets: Secret by place.
        marks: What must be found in the stores, to know that the search finds.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    service: str = field(default_factory=lambda: f"redaction-{secrets.token_hex(4)}")
    trace: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    mark: str = field(default_factory=lambda: f"keep{secrets.token_hex(8)}")

    def secret(self, place: str) -> str:
        """Return the secret of a place."""
        return self.secrets.setdefault(place, f"s3cr{secrets.token_hex(8)}")

    def texts(self, place: str) -> dict[str, str]:
        """Return texts with a secret in each, by their kind."""

        def s(kind: str) -> str:
            return self.secret(f"{place}: {kind}")

        return {
            "assigned": f"login with password={s('assigned')} user=bob",
            "json": json.dumps({"api_key": s("json"), "n": 1}),
            "escaped json": json.dumps(
                {"body": json.dumps({"Password": f"my {s('escaped json')}"})}
            ),
            "repr": repr({"client_secret": f"two {s('repr')} words"}),
            "header": f"Authorization: Bearer {s('header')}\n",
            "basic": f"authorization=Basic {s('basic')}",
            "cookie": f"Set-Cookie: sid={s('cookie')}; Path=/",
            "longer key": f"AWS_SECRET_ACCESS_KEY={s('longer key')}",
            "query": f"http://localhost/reset?user=1&passwd={s('query')}&x=2",
            "mail": f"no account for jane.{s('mail')}@mail.example.org, sorry",
            "mail in query": f"/reset?to={s('mail in query')}@example.org",
        }

    def keyed(self, place: str) -> dict[str, object]:
        """Return attributes with a secret in each: under a telling key, or in a text."""

        def s(kind: str) -> str:
            return self.secret(f"{place}: {kind}")

        return {
            "db.password": s("password"),
            "openai.api_key": s("api key"),
            "X-Api-Key": s("x-api-key"),
            "client_secret": s("client secret"),
            "http.request.header.authorization": [f"Bearer {s('authorization')}"],
            "http.response.header.set-cookie": [f"sid={s('set-cookie')}; Path=/"],
            "passwords": {"of": {"bob": s("map under key")}},
            "request": {"user": "bob", "password": f"with {s('nested map')} blanks"},
            "deep": {"a": [{"b": {"API-KEY": s("deep")}}, {"secret": {"c": s("deep map")}}]},
            "list": ["one", f"password: {s('list')}", f"x.{s('mail in list')}@example.org"],
            **{f"text {kind}": text for kind, text in self.texts(place).items()},
        }

    def _traceback(self, place: str) -> str:
        inner = "\n".join(f"  raise ValueError({text!r})" for text in self.texts(place).values())
        return f"Traceback (most recent call last):\n{inner}\nValueError: {self.mark}"

    def _resource(self, resource, place: str) -> None:
        resource.attributes.extend(
            attributes({"service.name": self.service, **self.keyed(f"{place} resource")})
        )

    def traces(self) -> bytes:
        """Return the request with spans."""
        now = time.time_ns()
        request = ExportTraceServiceRequest()
        self._resource(request.resource_spans.add().resource, "span")
        scope = request.resource_spans[0].scope_spans.add()
        scope.scope.name = "test"
        scope.scope.attributes.extend(attributes(self.keyed("span scope")))

        def span(name: str, **more):
            return scope.spans.add(
                trace_id=self.trace,
                span_id=secrets.token_bytes(8),
                name=name,
                start_time_unix_nano=now,
                end_time_unix_nano=now + 1000,
                **more,
            )

        main = span(self.mark, attributes=attributes({**HARMLESS, **self.keyed("span")}))
        main.status.code = 2
        main.events.add(
            time_unix_nano=now,
            name="exception",
            attributes=attributes(
                {
                    "exception.type": "ValueError",
                    "exception.message": " ".join(self.texts("exception message").values()),
                    "exception.stacktrace": self._traceback("exception stack trace"),
                    **self.keyed("event"),
                }
            ),
        )
        for kind, text in self.texts("span name").items():
            status = self.texts("status")[kind]
            span(text).status.message = status
        for text in self.texts("event name").values():
            main.events.add(time_unix_nano=now, name=text)
        return request.SerializeToString()

    def logs(self) -> bytes:
        """Return the request with log records."""
        now = time.time_ns()
        request = ExportLogsServiceRequest()
        self._resource(request.resource_logs.add().resource, "log")
        scope = request.resource_logs[0].scope_logs.add()
        scope.scope.attributes.extend(attributes(self.keyed("log scope")))
        bodies = [
            *self.texts("body").values(),
            {"event": self.mark, **HARMLESS, **self.keyed("body map")},
            [self.keyed("body list"), *self.texts("body text list").values()],
            self._traceback("body stack trace"),
        ]
        for number, body in enumerate(bodies):
            record = scope.log_records.add(
                time_unix_nano=now + number, trace_id=self.trace, span_id=b"12345678"
            )
            record.body.CopyFrom(value(body))
            if number == 0:
                record.attributes.extend(
                    attributes(
                        {
                            **HARMLESS,
                            **self.keyed("log"),
                            "exception.stacktrace": self._traceback("log stack trace"),
                        }
                    )
                )
        return request.SerializeToString()

    def leaked(self, text: str | bytes) -> list[str]:
        """Return the places whose secrets a text holds."""
        if isinstance(text, bytes):
            return [place for place, secret in self.secrets.items() if secret.encode() in text]
        return [place for place, secret in self.secrets.items() if secret in text]


@dataclass
class Run:
    """What was planted, and what the stores answered while they ran.

    Args:
        planted: What was sent.
        traces: Jaeger's whole answer.
        logs: VictoriaLogs' whole answer.
        metrics: What Prometheus has of span metrics.
        data: The stack's folder, after it was stopped.
    """

    planted: Planted
    traces: str
    logs: str
    metrics: str
    data: Path


def raw(url: str) -> str:
    """Return an answer as it came."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Everything sent, asked for, and the stack stopped so that all is on disk."""
    planted = Planted()
    stack = Stack(
        tmp_path_factory.mktemp("redaction"),
        free_ports(30000, 30500),
        engines=(*STORES, "collector"),
    )
    with stack:
        stores = Stores(stack)
        sender = Sender(stack.url("collector"), "")
        assert sender.post("traces", planted.traces()) == 200
        assert sender.post("logs", planted.logs()) == 200
        selector = f'{{service_name="{planted.service}"}}'
        logs = f"{stores.victorialogs}/select/logsql/query?" + urllib.parse.urlencode(
            {"query": lines(planted.service).logsql()}
        )
        series = f"{stores.prometheus}/api/v1/series?" + urllib.parse.urlencode(
            {"match[]": selector}
        )

        def counts() -> tuple[int, int, bool]:
            return (
                len(stores.trace(planted.trace.hex())),
                len(found_lines(stores.victorialogs, lines(planted.service))),
                bool(get(series)["data"]),
            )

        kinds = len(planted.texts(""))
        eventually(counts, (1 + kinds, kinds + 3, True))
        traces = raw(f"{stores.jaeger}/api/traces/{planted.trace.hex()}")
        answers = traces, raw(logs), raw(series)
    return Run(planted, *answers, stack.data)


def test_nothing_in_jaeger(run):
    """Span names, attributes, events, status, resource, scope: 0 of the secrets."""
    assert run.planted.mark in run.traces
    assert run.planted.leaked(run.traces) == []
    assert run.traces.count(MASK) > 100


def test_nothing_in_victorialogs(run):
    """Bodies of text, maps and lists, attributes, resource, scope: 0 of the secrets."""
    assert run.planted.mark in run.logs
    assert run.planted.leaked(run.logs) == []
    assert run.logs.count(MASK) > 50


def test_nothing_in_prometheus(run):
    """Span names become labels of span metrics: 0 of the secrets."""
    assert run.planted.mark in run.metrics
    assert run.planted.leaked(run.metrics) == []


def test_nothing_on_disk(run):
    """Neither in the stores' files nor in the Collector's queue nor in any log."""
    leaks, marked = {}, set()
    for path in run.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if leaked := run.planted.leaked(content):
                leaks[str(path.relative_to(run.data))] = leaked
            if run.planted.mark.encode() in content:
                marked.add(path.relative_to(run.data).parts[0])
    assert leaks == {}
    # A search that finds what must be there.
    assert marked == {"collector", "jaeger", "prometheus", "victorialogs"}


def test_what_is_no_secret_survives(run):
    """Token counts, numbers, flags and addresses are as they were sent, on spans and logs."""
    (trace,) = json.loads(run.traces)["data"]
    (span,) = [s for s in trace["spans"] if s["operationName"] == run.planted.mark]
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    assert {key: tags[key] for key in HARMLESS} == HARMLESS
    kept = {key: str(one) for key, one in HARMLESS.items()} | {"fits": "true"}
    # Of the record that has them as attributes, and of the one whose body is a map of them.
    found = [json.loads(line) for line in run.logs.splitlines()]
    with_them = [line for line in found if "ratio" in line]
    assert [{key: line[key] for key in kept} for line in with_them] == [kept, kept]
    assert sorted(line.get("event", "") for line in with_them) == ["", run.planted.mark]


def test_only_the_secret_is_masked(run):
    """What stands beside a secret in a text can still be read."""
    (trace,) = json.loads(run.traces)["data"]
    names = {span["operationName"] for span in trace["spans"]}
    assert f"login with {MASK} user=bob" in names
    assert f"http://localhost/reset?user=1&{MASK}&x=2" in names
    assert f"no account for {MASK}, sorry" in names
