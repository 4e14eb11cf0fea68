"""Each endpoint of the demo service, and what of it is found in Jaeger, Prometheus and VictoriaLogs."""

from __future__ import annotations

import urllib.request
from collections import Counter

import pytest

from otelml import semconv
from tests.acceptance._stores import eventually, get, only

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PREDICT, FEEDBACK = "predict loan", "feedback loan"
EXTRACTION, INFERENCE, POST = semconv.STAGES
ERROR = "demo_service.faults.FeatureStoreError"
FAILED = [
    "prediction of loan: failed",
    f"prediction of loan raised {ERROR}",
]

DECIDED = {PREDICT: None, EXTRACTION: PREDICT, INFERENCE: PREDICT, POST: PREDICT}
BROKEN = {PREDICT: None, EXTRACTION: PREDICT, INFERENCE: PREDICT}
# By case: status of the answer, name of the server span, spans inside it by name with the name of
# their parent (None: the server span).
CASES = {
    "predict": (200, "POST /predict", DECIDED),
    "predict in a trace": (200, "POST /predict", DECIDED),
    "predict refused": (422, "POST /predict", {}),
    "predict failed": (500, "POST /predict", BROKEN),
    "batch": (200, "POST /predict/batch", DECIDED),
    "batch refused": (422, "POST /predict/batch", {}),
    # It fails before the model is called: no span speaks of a prediction, and yet one has failed.
    "batch failed": (500, "POST /predict/batch", {}),
    "feedback": (200, "POST /feedback", {FEEDBACK: None}),
    "feedback forged": (400, "POST /feedback", {}),
    "health": (200, "GET /healthz", {}),
    "form": (200, "GET /", {}),
    "form decided": (200, "POST /", DECIDED),
    "form refused": (422, "POST /", {}),
    "form failed": (500, "POST /", BROKEN),
}
LOGS = {
    "predict failed": ["Exception on /predict [POST]", *FAILED],
    "batch failed": ["Exception on /predict/batch [POST]"],
    "form failed": ["Exception on / [POST]", *FAILED],
}
each_case = pytest.mark.parametrize("name", CASES)
each_prediction = pytest.mark.parametrize("name", [n for n, c in CASES.items() if PREDICT in c[2]])


def tags(span, *names):
    return {name: span.tags.get(name) for name in names}


@each_case
def test_answer(run, name):
    """The service answers as it should."""
    assert run.cases[name].status == CASES[name][0]


def test_exit(run):
    """SIGTERM ends the service well."""
    assert run.exit_code == 0


@each_case
def test_trace(run, name):
    """The trace is in Jaeger under the id that the answer names: its spans, each in its parent."""
    exchange, (status, route, inside) = run.cases[name], CASES[name]
    spans = run.stores.trace(exchange.trace_id)
    server = only(spans, route)
    ids = {None: server.id} | {span.name: span.id for span in spans}
    parents = {span.name: span.parents[0] for span in spans if span is not server and span.parents}
    assert parents == {n: (exchange.trace_id, ids[parent]) for n, parent in inside.items()}
    assert server.parents == ([exchange.sent_trace] if exchange.sent_trace else [])
    assert len(spans) == 1 + len(inside)
    assert tags(server, "http.request.method", "http.response.status_code", "span.kind") == {
        "http.request.method": exchange.method,
        "http.response.status_code": status,
        "span.kind": "server",
    }
    assert ("otel.status_code" in server.tags) == (status >= 500)


@each_prediction
def test_prediction_span(run, name):
    """The span of a prediction says what was predicted, or what went wrong."""
    exchange = run.cases[name]
    span = only(run.stores.trace(exchange.trace_id), PREDICT)
    labels = set(exchange.labels)
    is_batch = name == "batch"
    expected = {
        semconv.ML_MODEL_NAME: "loan",
        semconv.ML_MODEL_VERSION: "1",
        semconv.ML_FEATURE_COUNT: 11,
        semconv.ML_PREDICTION_ROWS_ATTRIBUTE: len(exchange.labels) or 1,
        semconv.ML_PREDICTION_ID: exchange.headers["X-Prediction-Id"],
        semconv.ML_PREDICTION_LABEL: labels.pop() if len(labels) == 1 else None,
        semconv.ML_PREDICTION_INFERRED_STAGES: True if is_batch else None,
        semconv.ERROR_TYPE: ERROR if exchange.failed else None,
        "otel.status_code": "ERROR" if exchange.failed else None,
        "span.kind": "internal",
    }
    assert tags(span, *expected) == expected


@each_prediction
def test_stage_spans(run, name):
    """The stages follow each other; the one that failed says so; guessed ones are marked."""
    exchange = run.cases[name]
    spans = run.stores.trace(exchange.trace_id)
    stages = [span for span in spans if span.name in semconv.STAGES]
    marked = (semconv.ML_STAGE_INFERRED, semconv.ERROR_TYPE, "otel.status_code")
    guessed = True if name == "batch" else None
    for span in stages:
        broken = exchange.failed and span.name == INFERENCE
        error = (ERROR, "ERROR") if broken else (None, None)
        assert tags(span, *marked) == dict(zip(marked, (guessed, *error), strict=True))
        assert span.tags[semconv.ML_STAGE_NAME] == span.name
    spent_us = sum(span.duration_us for span in stages)
    assert 0 < spent_us <= only(spans, PREDICT).duration_us + len(stages)


def test_no_span_is_questioned(run):
    """Jaeger finds nothing wrong with a span, but that ours of the request never came."""
    callers = {e.sent_trace[1] for e in run.sent if e.sent_trace}
    questioned = [
        (span.name, warning)
        for span in run.stores.traces()
        for warning in span.warnings
        if not any(f"invalid parent span IDs={caller}" in warning for caller in callers)
    ]
    assert questioned == []


@each_case
def test_logs(run, name):
    """The lines of a request are in VictoriaLogs under its trace, each inside a span of it."""
    exchange = run.cases[name]
    expected = list(LOGS.get(name, []))
    if exchange.labels and name != "batch":
        expected.append(f"loan {exchange.labels[0]}")
    if exchange.labels:
        same = len(set(exchange.labels)) == 1
        expected.append(f"prediction of loan: {exchange.labels[0] if same else 'done'}")
    eventually(
        lambda: Counter(line for line, _ in run.stores.logs(exchange.trace_id)), Counter(expected)
    )
    ids = {span.id for span in run.stores.trace(exchange.trace_id)}
    assert {fields["span_id"] for _, fields in run.stores.logs(exchange.trace_id)} <= ids


def test_exception_log(run):
    """The line of a failed prediction holds the exception with its traceback."""
    lines = dict(run.stores.logs(run.cases["predict failed"].trace_id))
    fields = lines[FAILED[1]]
    assert (fields["exception.type"], fields["exception.message"], fields["severity_text"]) == (
        ERROR,
        "inference failed, as the request asked",
        "ERROR",
    )
    assert "raise FeatureStoreError(" in fields["exception.stacktrace"]


def test_link_on_the_page(run):
    """What the web form links to as its trace is that trace."""
    exchange = run.cases["form decided"]
    address = f"{run.stores.jaeger}/api/traces/{exchange.trace_id}"
    assert f'href="{address}"' in exchange.text
    with urllib.request.urlopen(address) as response:
        assert response.status == 200
    assert get(address)["data"][0]["traceID"] == exchange.trace_id


def test_feedback_links_to_its_prediction(run):
    """A label is a span of the request that brought it, and its link leads to the one it judges."""
    judged = run.cases["predict"]
    span = only(run.stores.traces(FEEDBACK), FEEDBACK)
    [(trace_id, span_id)] = span.links
    assert trace_id == judged.trace_id
    server = only(run.stores.trace(run.cases["feedback"].trace_id), "POST /feedback")
    assert span.parents == [(run.cases["feedback"].trace_id, server.id)]
    assert only(run.stores.trace(trace_id), PREDICT).id == span_id
    predicted = judged.json["label"]
    outcome = "correct" if predicted == "rejected" else "wrong"
    expected = {
        semconv.ML_LABEL_ACTUAL: "rejected",
        semconv.ML_LABEL_PREDICTED: predicted,
        semconv.ML_FEEDBACK_SOURCE: "officer",
        semconv.ML_FEEDBACK_OUTCOME: outcome,
    }
    assert tags(span, *expected) == expected
    assert run.cases["feedback"].json["outcome"] == outcome


def test_feedback_counted(run):
    """Prometheus counts the label by what was true and what was said, and the refused one."""
    predicted = run.cases["predict"].json["label"]
    labels = ("ml_label_actual", "ml_label_predicted", "ml_feedback_source")
    eventually(
        lambda: run.stores.sums("ml_feedback_total", *labels),
        Counter({("rejected", predicted, "officer"): 1.0}),
    )
    assert run.cases["feedback forged"].json["reason"] == "signature"
    eventually(
        lambda: run.stores.sums("ml_feedback_rejected_total", "ml_feedback_reason"),
        Counter({("signature",): 1.0}),
    )


def test_requests_counted(run):
    """Prometheus counts each request by method, route and status."""
    sent = Counter((e.method, e.path, str(e.status)) for e in run.sent)
    labels = ("http_request_method", "http_route", "http_response_status_code")
    eventually(lambda: run.stores.sums("http_server_request_duration_seconds_count", *labels), sent)


def test_predictions_counted(run):
    """Rows by label and by error are in Prometheus as they were answered."""
    rows = Counter((label, "") for e in run.sent for label in e.labels)
    rows["", ERROR] = sum(e.status >= 500 for e in run.sent)
    eventually(
        lambda: run.stores.sums("ml_predictions_total", "ml_prediction_label", "error_type"), rows
    )


def test_predictions_are_the_same_everywhere(run):
    """Asked for, spans in Jaeger, histogram in Prometheus, events in VictoriaLogs: one count.

    A request that fails before its model is called is measured, and is nothing else.
    """
    asked = sum(bool(e.labels) or e.failed for e in run.sent)
    never_began = sum(e.status >= 500 and not e.failed for e in run.sent)
    assert never_began == 1

    def counts():
        spans = [span for span in run.stores.traces(PREDICT) if span.name == PREDICT]
        durations = run.stores.sums("ml_prediction_duration_seconds_count")
        events = [line for line, _ in run.stores.logs() if line.startswith("prediction of loan: ")]
        return len(spans), len({span.id for span in spans}), durations[()], len(events)

    eventually(counts, (asked, asked, asked + never_began, asked))


def test_stages_counted(run):
    """Every stage that has a span has been measured."""
    spans = Counter(
        (span.name,) for span in run.stores.traces(PREDICT) if span.name in semconv.STAGES
    )
    eventually(lambda: run.stores.sums("ml_stage_duration_seconds_count", "ml_stage_name"), spans)


@pytest.mark.parametrize("signal", ["spans", "log_records"])
def test_nothing_lost_on_the_way(run, signal):
    """Items in the store, taken by the Collector and passed on by it are as many; none refused."""
    stored = {"spans": run.stores.traces, "log_records": run.stores.logs}[signal]
    names = ("receiver_accepted", "exporter_sent")
    bad = ("receiver_refused", "exporter_send_failed", "exporter_enqueue_failed")
    counted = [run.stores.counted(f"otelcol_{name}_{signal}") for name in names]
    assert counted == [len(stored())] * 2
    assert [run.stores.counted(f"otelcol_{name}_{signal}") for name in bad] == [0, 0, 0]


def test_spans_are_those_expected(run):
    """Jaeger holds as many spans as the requests sent should make, and no other."""
    inside = {200: len(DECIDED), 500: len(BROKEN)}
    predictions = [e for e in run.sent if e.labels or e.failed]
    expected = len(run.sent) + sum(inside[e.status] for e in predictions) + len([FEEDBACK])
    eventually(lambda: len(run.stores.traces()), expected)


def test_nothing_dropped_in_the_service(run):
    """The service's own counters are there and say that it lost nothing."""
    for metric in ("otelml_dropped_total", "otelml_export_failures_total"):
        lost = get(
            f"{run.stores.prometheus}/api/v1/query",
            query=f'{metric}{{service_name="loan-api"}}',
        )["data"]["result"]
        assert lost
        assert {series["value"][1] for series in lost} == {"0"}


@pytest.mark.parametrize(
    ("metric", "span_names"),
    [
        ("ml_prediction_duration_seconds_bucket", {PREDICT}),
        ("ml_stage_duration_seconds_bucket", set(semconv.STAGES)),
    ],
)
def test_exemplars(run, metric, span_names):
    """An exemplar leads to the very span that it measured, with the same duration."""
    ours = {e.trace_id for e in run.sent if e.labels or e.failed}
    eventually(lambda: bool(run.stores.exemplars(metric)), True)
    found = run.stores.exemplars(metric)
    assert {ids["trace_id"] for _, ids, _ in found} <= ours
    for series, ids, value_s in found:
        [span] = [s for s in run.stores.trace(ids["trace_id"]) if s.id == ids["span_id"]]
        assert span.name in span_names
        assert span.tags.get("error.type") == series.get("error_type")
        assert abs(span.duration_us - value_s * 1e6) <= 1


def test_exemplar_of_a_failure(run):
    """The histogram of failed predictions has an exemplar of its own."""
    failed = {e.trace_id for e in run.sent if e.failed}
    found = run.stores.exemplars("ml_prediction_duration_seconds_bucket")
    leads_to = {ids["trace_id"] for series, ids, _ in found if series.get("error_type") == ERROR}
    assert leads_to
    assert leads_to <= failed
