"""What the monitor sent becomes a picture by feature and window, with bins and a history."""

from __future__ import annotations

import json
import math
import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from otelml import semconv
from otelml.viewer.decode import decode_logs, decode_metrics, decode_traces
from otelml.viewer.queries import (
    BadParameterError,
    NotFoundError,
    get_drift,
    get_drift_feature,
    get_model,
    list_models,
)
from otelml.viewer.queries.drift import MAX_FEATURES
from otelml.viewer.store import Store

NS = 1_000_000_000
T0 = (time.time_ns() // (300 * NS) - 3) * 300 * NS
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
FEATURE, METHOD, BIN = semconv.ML_FEATURE_NAME, semconv.ML_DRIFT_METHOD, semconv.ML_FEATURE_BIN


class Sender:
    """One process of a service, sending what its monitor says."""

    def __init__(self, store: Store, instance: str = "a", model: str = "loan", version: str = "3"):
        self.store, self.instance, self.started = store, instance, T0
        self.identity = {semconv.ML_MODEL_NAME: model, semconv.ML_MODEL_VERSION: version}

    def _resource(self, group) -> None:
        for key, value in (("service.name", "s"), ("service.instance.id", self.instance)):
            group.resource.attributes.add(key=key).value.string_value = value

    def send(self, metric, at, values) -> None:
        """Send points at a second: a dict of (further attribute pairs) to value."""
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        self._resource(group)
        found = group.scope_metrics.add().metrics.add(name=metric.name, unit=metric.unit)
        counts = metric is semconv.ML_FEATURE_VALUES
        data = found.sum if counts else found.gauge
        if counts:
            data.aggregation_temporality, data.is_monotonic = CUMULATIVE, True
        for pairs, value in values.items():
            point = data.data_points.add(
                as_double=value,
                time_unix_nano=T0 + int(at * NS),
                start_time_unix_nano=self.started if counts else 0,
            )
            for key, said in {**self.identity, **dict(pairs)}.items():
                point.attributes.add(key=key).value.string_value = said
        self.store.submit(decode_metrics(request)).result(10)

    def check(self, at, threshold=4.0, learning=0.0, **of) -> None:
        """Send a check: of each feature its evidence, and whether it is detected."""
        names = {name: ((FEATURE, name),) for name in of}
        self.send(semconv.ML_DRIFT_EVIDENCE_THRESHOLD, at, {(): threshold})
        self.send(semconv.ML_DRIFT_LEARNING, at, {(): learning})
        self.send(semconv.ML_DRIFT_LAST_CHECK, at, {(): T0 / NS + at})
        self.send(semconv.ML_DRIFT_EVIDENCE, at, {names[n]: of[n] for n in of})
        flags = {names[n]: float(of[n] >= threshold and not learning) for n in of}
        flags[(FEATURE, semconv.FEATURE_ANY),] = max(flags.values())
        self.send(semconv.ML_DRIFT_DETECTED, at, flags)

    def event(self, at, event, features, more="") -> None:
        """Send an event of the monitor."""
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        self._resource(group)
        record = group.scope_logs.add().log_records.add(
            time_unix_nano=T0 + int(at * NS), event_name=event, trace_id=b"t" * 16, span_id=b"s" * 8
        )
        record.body.string_value = f"{', '.join(features)}{more} drifted"
        for key, value in self.identity.items():
            record.attributes.add(key=key).value.string_value = value
        array = record.attributes.add(key=semconv.ML_DRIFT_FEATURES).value.array_value
        for feature in features:
            array.values.add().string_value = feature
        self.store.submit(decode_logs(request)).result(10)

    def check_span(self, at) -> None:
        """Send the span of a check that ended at a second."""
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        self._resource(group)
        end = T0 + int(at * NS)
        span = group.scope_spans.add().spans.add(
            trace_id=b"c" * 16, span_id=b"c" * 8, start_time_unix_nano=end - NS // 10,
            end_time_unix_nano=end, name=semconv.SPAN_DRIFT_CHECK.format(model="loan"),
        )  # fmt: skip
        for key, value in self.identity.items():
            span.attributes.add(key=key).value.string_value = value
        self.store.submit(decode_traces(request)).result(10)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "d.db")
    yield opened
    opened.close()


def ask(store, query=get_drift, seconds=600, **params):
    window = {"name": "loan", "from": str(T0 / 1e6), "to": str(T0 / 1e6 + seconds * 1000)}
    with store.reader() as connection:
        found = query(connection, {**window, **params})
    json.dumps(found, allow_nan=False)
    return found


def bins(found):
    return {each["bin"]: each["current"] for each in found["bins"]}


def test_evidence_by_window_is_a_share_of_the_threshold_and_sorts_the_features(store):
    """The drifted one comes first, then by evidence; columns are no finer than the checks."""
    process = Sender(store)
    for at, amount in ((30, 1.0), (90, 2.0), (150, 6.0)):
        process.check(at, age=1.5, amount=amount, income=3.0)
    found = ask(store)
    assert [each["name"] for each in found["features"]] == ["amount", "income", "age"]
    assert [v for v in found["features"][0]["relative"] if v is not None] == [0.25, 0.5, 1.5]
    assert found["step"] == 60_000
    assert (found["drifted"], found["threshold"], found["status"]) == (1, 4.0, "watching")
    assert found["last_check"] == pytest.approx(T0 / 1e6 + 150_000)


def test_statistics_and_levels_are_those_of_the_last_check(store):
    """PSI, KS and their p-values, severity and skew."""
    process = Sender(store)
    process.check(30, amount=6.0)
    pair = ((FEATURE, "amount"),)
    for at, psi in ((20, 0.9), (30, 0.31)):
        process.send(semconv.ML_DRIFT_STATISTIC, at, {(*pair, (METHOD, "psi")): psi})
    process.send(semconv.ML_DRIFT_P_VALUE, 30, {(*pair, (METHOD, "ks")): 0.001})
    process.send(semconv.ML_DRIFT_SEVERITY, 30, {pair: 2.0})
    process.send(semconv.ML_DRIFT_SKEWED, 30, {pair: 1.0})
    (feature,) = ask(store)["features"]
    assert feature["statistics"] == {"psi": 0.31}
    assert feature["p_values"] == {"ks": 0.001}
    assert (feature["severity"], feature["skewed"]) == (2, True)


def test_since_is_the_time_of_the_event_else_of_the_gauge(store):
    """The event is sooner than the next export; without one the first 1 counts."""
    process = Sender(store)
    for at, amount in ((30, 5.0), (60, 1.0), (120, 5.0), (180, 5.0)):
        process.check(at, amount=amount)
    assert ask(store)["features"][0]["since"] == {"time": T0 / 1e6 + 120_000, "at_least": False}
    process.event(31, semconv.EVENT_DRIFT_DETECTED, ["amount"])
    process.event(110, semconv.EVENT_DRIFT_DETECTED, ["amount"])
    assert ask(store)["features"][0]["since"]["time"] == T0 / 1e6 + 110_000


def test_drift_from_the_first_point_is_at_least_since_then(store):
    """What was before the first stored point is not known."""
    Sender(store).check(30, amount=5.0)
    assert ask(store)["features"][0]["since"] == {"time": T0 / 1e6 + 30_000, "at_least": True}


def test_several_processes_count_together_and_the_worst_is_shown(store):
    """Counts add up; evidence is the largest share of the process' own threshold."""
    first, second = Sender(store), Sender(store, "b")
    first.check(30, amount=1.0)
    second.check(30, threshold=2.0, amount=1.0)
    found = ask(store)
    assert max(v or 0 for v in found["features"][0]["relative"]) == 0.5
    assert found["instances"] == 2
    pair = (FEATURE, "amount")
    for process, low, high in ((first, 30, 10), (second, 10, 50)):
        process.send(
            semconv.ML_FEATURE_VALUES, 30, {(pair, (BIN, "(-inf, 1]")): low, (pair, (BIN, "(1, inf]")): high}
        )  # fmt: skip
        process.send(semconv.ML_FEATURE_REFERENCE_RATIO, 30, {(pair, (BIN, "(-inf, 1]")): 0.5, (pair, (BIN, "(1, inf]")): 0.5})  # fmt: skip
    of = ask(store, get_drift_feature, feature="amount")
    assert bins(of) == {"(-inf, 1]": 0.4, "(1, inf]": 0.6}
    assert [each["reference"] for each in of["bins"]] == [0.5, 0.5]
    assert (of["values"], of["instances"]) == (100, 2)


def test_a_restart_of_a_counter_loses_nothing(store):
    """The new process counts from zero again; both parts are in the sum."""
    process = Sender(store)
    pair = (FEATURE, "amount")
    low, high = (pair, (BIN, "low")), (pair, (BIN, "high"))
    process.send(semconv.ML_FEATURE_VALUES, 30, {low: 10, high: 10})
    process.send(semconv.ML_FEATURE_VALUES, 60, {low: 40, high: 10})
    process.started = T0 + 70 * NS
    process.send(semconv.ML_FEATURE_VALUES, 90, {low: 5, high: 45})
    found = ask(store, get_drift_feature, feature="amount")
    assert {each["bin"]: each["count"] for each in found["bins"]} == {"low": 45, "high": 55}


def test_a_chosen_window_has_its_own_shares(store):
    """Only what came in it counts, and missing values are a share of all rows."""
    process = Sender(store)
    pair = (FEATURE, "amount")
    low, missing = (pair, (BIN, "low")), (pair, (BIN, semconv.BIN_MISSING))
    process.send(semconv.ML_FEATURE_VALUES, 30, {low: 50, missing: 0})
    process.send(semconv.ML_FEATURE_VALUES, 90, {low: 80, missing: 10})
    start = str(T0 / 1e6 + 60_000)
    found = ask(store, get_drift_feature, feature="amount", **{"from": start})
    assert bins(found) == {"low": 1.0, semconv.BIN_MISSING: 0.25}
    assert [each["bin"] for each in found["bins"]][-1] == semconv.BIN_MISSING


def test_a_process_that_ended_no_longer_drifts(store):
    """The gauge of a stopped process stays 1 for ever; the model is what still reports."""
    Sender(store, "old").check(30, amount=6.0)
    for at in (400, 460, 520, 580):
        Sender(store, "new").check(at, amount=1.0)
    found = ask(store)
    assert found["drifted"] == 0
    assert ask(store, list_models)["models"] == []
    assert max(v or 0 for v in found["features"][0]["relative"]) == 1.5


def test_values_that_are_no_numbers_are_gaps(store):
    """NaN and infinities of any sender neither fail nor count."""
    process = Sender(store)
    process.check(30, amount=math.nan, age=math.inf, income=1.0)
    process.check(90, amount=1.0, age=1.0, income=math.nan)
    found = {each["name"]: each for each in ask(store)["features"]}
    assert [v for v in found["amount"]["relative"] if v is not None] == [0.25]
    assert [v for v in found["income"]["relative"] if v is not None] == [0.25]


def test_a_threshold_that_is_missing_or_zero_gives_no_share(store):
    """Evidence is still told."""
    Sender(store).check(30, threshold=0.0, amount=2.0)
    (feature,) = ask(store)["features"]
    assert feature["evidence"] == 2.0
    assert set(feature["relative"]) == {None}


def test_without_a_monitor_before_a_check_and_while_learning(store):
    """The page can say which of the three it is."""
    process = Sender(store)
    process.check_span(10)
    with pytest.raises(NotFoundError):
        ask(store, name="other")
    process.send(semconv.ML_DRIFT_DETECTED, 20, {((FEATURE, semconv.FEATURE_ANY),): 0.0})
    assert (ask(store)["status"], ask(store)["features"]) == ("waiting", [])
    process.check(30, learning=1.0, amount=9.0)
    found = ask(store)
    assert (found["status"], found["drifted"]) == ("learning", 0)
    assert found["check"]["trace_id"] == (b"c" * 16).hex()


def test_where_the_reference_comes_from(store):
    """A reference of the first rows is told as such."""
    process = Sender(store)
    process.check(30, amount=1.0)
    assert ask(store)["reference"] is None
    process.send(semconv.ML_MODEL_INFO, 30, {((semconv.ML_REFERENCE_SOURCE, "self"),): 1.0})
    assert ask(store)["reference"] == {"source": "self", "digest": None}


def test_two_versions_are_apart(store):
    """The newest is shown unless one is asked for."""
    Sender(store, version="2").check(30, amount=6.0)
    Sender(store, version="3").check(60, amount=1.0)
    found = ask(store)
    assert (found["version"], found["drifted"]) == ("3", 0)
    assert ask(store, version="2")["drifted"] == 1
    assert {each["version"] for each in found["versions"]} == {"2", "3"}


def test_names_with_odd_characters(store):
    """A name is only ever compared, never taken for a pattern; a name in another is apart."""
    names = [
        "a%b_c",
        "x'; DROP TABLE points;--",
        "Größe 身長",
        'quote"d',
        "amount",
        "amount 2",
        "/",
    ]
    process = Sender(store)
    process.check(30, **dict.fromkeys(names, 1.0))
    for place, name in enumerate(names):
        pair = (FEATURE, name)
        process.send(semconv.ML_FEATURE_VALUES, 30, {(pair, (BIN, "low")): place + 1})
    assert {each["name"] for each in ask(store)["features"]} == set(names)
    for place, name in enumerate(names):
        assert ask(store, get_drift_feature, feature=name)["values"] == place + 1


def test_five_hundred_features_are_bounded_and_the_drifted_one_is_shown(store):
    """What is left out is counted, and it is never what drifts."""
    Sender(store).check(30, **{f"f{i:03}": 0.001 * i for i in range(499)}, zz=5.0)
    found = ask(store)
    assert found["features"][0]["name"] == "zz"
    assert len(found["features"]) == MAX_FEATURES
    assert found["features_left_out"] == 500 - MAX_FEATURES


def test_the_history_is_the_models_own_and_of_a_feature(store):
    """Events of another version or feature are not in it; one that names only some is."""
    process = Sender(store)
    process.check(30, amount=6.0)
    process.event(31, semconv.EVENT_DRIFT_DETECTED, ["amount"])
    process.event(41, semconv.EVENT_DRIFT_CLEARED, ["age"])
    process.event(51, semconv.EVENT_DRIFT_SKEW, ["age"], " and 9 more")
    Sender(store, version="2").event(32, semconv.EVENT_DRIFT_DETECTED, ["amount"])
    assert [each["kind"] for each in ask(store)["events"]] == ["skewed", "cleared", "detected"]
    of = ask(store, get_drift_feature, feature="amount", version="3")["events"]
    assert [each["kind"] for each in of] == ["skewed", "detected"]
    assert of[1]["trace_id"] == (b"t" * 16).hex()


def test_bins_stand_in_the_order_of_their_values(store):
    """Intervals and numbers by value, levels by name, what has no place last."""
    names = ["unseen", "(10, inf]", "(-inf, -2.5]", "(-2.5, 1e+06]", "missing", "non_finite"]
    pair = (FEATURE, "x")
    shares = {(pair, (BIN, n)): 0.1 for n in names}
    Sender(store).send(semconv.ML_FEATURE_REFERENCE_RATIO, 30, shares)
    found = ask(store, get_drift_feature, feature="x")
    assert [each["bin"] for each in found["bins"]] == [
        "(-inf, -2.5]", "(-2.5, 1e+06]", "(10, inf]", "unseen", "missing", "non_finite"
    ]  # fmt: skip
    assert bins(found)["unseen"] is None


def test_long_ranges_are_read_from_the_coarse_sums(store):
    """The same facts over a day."""
    process = Sender(store)
    process.check(30, amount=6.0)
    process.send(semconv.ML_FEATURE_VALUES, 30, {((FEATURE, "amount"), (BIN, "low")): 7})
    day = {"from": str(T0 / 1e6 - 80_000_000)}
    found = ask(store, **day)
    assert (found["drifted"], max(v or 0 for v in found["features"][0]["relative"])) == (1, 1.5)
    assert ask(store, get_drift_feature, feature="amount", **day)["values"] == 7


def test_which_feature_must_be_said(store):
    """A question without it is refused."""
    with pytest.raises(BadParameterError, match="feature"):
        ask(store, get_drift_feature)


def test_the_models_page_says_which_have_drifted(store, seed):
    """State and number of features; a model without a monitor has none."""
    traces, metrics, _ = seed.Fleet(T0).period(T0, T0 + 60 * NS)
    store.submit(decode_traces(traces)).result(10)
    store.submit(decode_metrics(metrics)).result(10)
    process = Sender(store)
    process.check(30, amount=6.0, income=7.0, age=1.0)
    rows = {(r["name"], r["version"]): r for r in ask(store, list_models)["models"]}
    loan = rows["loan", "3"]
    assert (loan["state"], loan["drifted"]) == ("drifted", 2)
    assert rows["fraud", "2026-10"]["drifted"] is None
    assert ask(store, get_model, version="3")["totals"]["state"] == "drifted"
    process.check(90, amount=1.0, income=1.0, age=1.0)
    rows = {(r["name"], r["version"]): r for r in ask(store, list_models)["models"]}
    assert rows["loan", "3"]["drifted"] == 0
    assert rows["loan", "3"]["state"] != "drifted"


def test_the_model_page_of_all_versions_counts_the_drift_of_each(store, seed):
    """One version's drift is the model's, whichever is asked for."""
    traces, _, _ = seed.Fleet(T0).period(T0, T0 + 60 * NS)
    store.submit(decode_traces(traces)).result(10)
    Sender(store, version="2").check(30, amount=6.0, income=5.0)
    Sender(store, version="3").check(30, amount=1.0)
    assert ask(store, get_model)["totals"]["drifted"] == 2
    assert ask(store, get_model, version="3")["totals"]["drifted"] == 0
    assert ask(store, get_model, version="3")["totals"]["state"] != "drifted"


def test_what_alarmed_in_the_range_stays_above_what_is_merely_noisy_now(store):
    """A cleared feature keeps its place, so that lines do not jump with each check."""
    process = Sender(store)
    process.check(30, amount=6.0, age=0.1)
    process.check(90, amount=0.0, age=1.0)
    assert [each["name"] for each in ask(store)["features"]] == ["amount", "age"]


def test_more_streams_than_are_read_are_said(store, monkeypatch):
    """What is not looked at is told of, never silently missing."""
    for limited in ("drift", "drift_series"):
        monkeypatch.setattr(f"otelml.viewer.queries.{limited}.MAX_SERIES", 4)
    Sender(store).check(30, a=1.0, b=1.0)
    assert not ask(store)["truncated"]
    Sender(store).check(60, c=1.0, d=1.0, e=1.0)
    assert ask(store)["truncated"]
