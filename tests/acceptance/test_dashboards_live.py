"""Every query of every dashboard, rule and link answers on the live stack."""

from __future__ import annotations

import time
import urllib.error

import pytest
import yaml

from demo_service import artifact
from grafana.generate.logs_query import field, lines
from grafana.generate.shown_lines import SHOWN, of_model, of_service
from grafana.picture.ask import Source, Window
from grafana.picture.scene import SERVICES, Scene
from otelml import semconv
from tests._processes import ROOT
from tests.acceptance import _dashboards as ask
from tests.acceptance._stores import Stores, eventually, found_lines
from tests.acceptance.conftest import free_ports

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

ASKED = ask.asked()
WAIT_S = 100.0
# Long enough to fill a queue of three; longer where that was not.
FREEZES_S = (12.0, 25.0)
# What has numbers once a feature has drifted.
DRIFTED = frozenset({"quality: Quality by bin A"})
# What no scene here brings about, by panel and place: its queries are valid, and empty.
EMPTY = {
    "service: GPU A": "no service here has a GPU",
    "service: GPU memory A": "no service here has a GPU",
    "pipeline: Lost: refused for good A": "Jaeger calls every refusal of a span temporary",
    "pipeline: Lost: refused for good C": "VictoriaLogs takes lines that Loki refuses",
    "pipeline: Loki's log disk A": "no Loki runs here",
}


class Live:
    """The running scene, and what has answered so far."""

    def __init__(self, scene):
        self.stores = Stores(scene.stack)
        self.prometheus = self.stores.prometheus
        self.answered = {}

    def ask(self):
        """Put each query that has not answered yet, by every choice of variables."""
        for one in ASKED:
            if one.name not in self.answered:
                found = [n for c in one.choices for n in ask.numbers(self.prometheus, c.expr)]
                self.answered |= {one.name: found} if found else {}

    def ask_until_answered(self, but=frozenset()):
        """Ask until everything that should answer has, or the time is over; tell which it was."""
        wanted = {one.name for one in ASKED} - set(EMPTY) - but
        deadline = time.monotonic() + WAIT_S
        while not wanted <= set(self.answered) and time.monotonic() < deadline:
            time.sleep(1)
            self.ask()
        return wanted <= set(self.answered)

    def summary(self):
        """How many queries answered, and which did not."""
        silent = [one.name for one in ASKED if one.name not in self.answered]
        told = "; ".join(f"{name}: {EMPTY.get(name, 'NO REASON')}" for name in silent)
        return f"\n{len(ASKED)} queries of panels, {len(self.answered)} answered; empty: {told}"


@pytest.fixture(scope="module")
def live(request, tmp_path_factory, model_folder):
    """Failing, slow and drifting traffic, labels, batches, refused data, backends that hang."""
    folder = tmp_path_factory.mktemp("dashboards")
    with Scene(folder, free_ports(34000), queue=(3, "requests"), model=model_folder) as scene:
        found = Live(scene)
        scene.send("errors")
        eventually(
            lambda: bool(found.stores.exemplars("ml_prediction_duration_seconds_bucket")), True
        )
        scene.send_refused()
        for freeze_s in FREEZES_S:
            for engine in ("jaeger", "prometheus", "victorialogs"):
                scene.freeze(engine, freeze_s)
            if found.ask_until_answered(but=DRIFTED):
                break
        scene.send("drift")
        found.ask_until_answered()
        scene.send("errors")
        with request.config.pluginmanager.get_plugin(
            "capturemanager"
        ).global_and_fixture_disabled():
            print(found.summary())  # noqa: T201 - what the run has shown
        yield found


def test_what_is_empty_exists():
    """No reason is given for a query that is gone."""
    assert set(EMPTY) <= {one.name for one in ASKED}


@pytest.mark.parametrize("one", ASKED, ids=lambda one: one.name)
def test_query(live, one):
    """The query is valid and returns numbers, or the panel says what it means that it does not."""
    if one.name not in EMPTY:
        assert live.answered.get(one.name), one.choices[0].expr
        return
    assert all(choice.may_be_empty for choice in one.choices)
    assert [ask.numbers(live.prometheus, choice.expr) for choice in one.choices] == [[], [], []]


@pytest.mark.parametrize("choice", ask.CHOICES, ids=lambda choice: choice["model"])
def test_log_lines(live, choice):
    """The panels of log lines show lines of what is chosen; each of a model names it."""
    store, service = live.stores.victorialogs, choice["service"]
    assert found_lines(store, of_service(service, choice["instance"]))
    of_one = found_lines(store, of_model(service, choice["model"], ".*", ".*"))
    assert {line[semconv.ML_MODEL_NAME] for line in of_one} == {choice["model"]}


@pytest.mark.parametrize("query", SHOWN)
def test_log_lines_of_pictures(live, query):
    """Pictures of these panels have the newest lines, the newest first."""
    window = Window(time.time() - 900, time.time())
    source = Source(live.prometheus, window, ask.CHOICES[0], live.stores.victorialogs)
    found = source.lines({"expr": query}, 5)
    assert len(found) == 5
    assert found == sorted(found, key=lambda line: line.time, reverse=True)
    assert all(line.text and line.severity for line in found)


def test_invalid_queries_are_noticed(live):
    """A query that Prometheus cannot read is an error here, not an empty answer."""
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ask.numbers(live.prometheus, "sum by (rate(x)")


@pytest.mark.parametrize(
    "one", [one for one in ASKED if one.choices[0].exemplars], ids=lambda one: one.name
)
def test_exemplars_lead_to_traces(live, one):
    """Behind a percentile are exemplars, and each leads to a trace in Jaeger."""
    [destination] = ask.source("prometheus")["jsonData"]["exemplarTraceIdDestinations"]
    assert destination["datasourceUid"] == ask.source("jaeger")["uid"]

    def leads_to():
        found = [e for c in one.choices for e in ask.exemplars(live.prometheus, c.expr)]
        return any(live.stores.trace(labels[destination["name"]]) for labels in found[-20:])

    eventually(leads_to, True)


@pytest.mark.parametrize(("dashboard", "name"), ask.variables())
def test_variable(live, dashboard, name, model_folder):
    """A variable offers what there is, given the ones before it.

    Of drift, that is what has a reference; of batch jobs, what has run.
    """
    model = artifact.load(model_folder)
    values, expected = (
        {"service": "price-api", "model": "price"},
        {
            "service": [*SERVICES],
            "model": ["district", "price"],
            "version": ["7", "8"],
            "variant": ["challenger", "champion", "shadow"],
            "instance": ["price-api-1"],
        },
    )
    if dashboard == "drift":
        values, expected = (
            {"service": "loan-api", "model": "loan"},
            {
                "service": ["loan-api"],
                "model": ["loan"],
                "version": [model.metadata.version],
                "feature": sorted([*model.reference.features, semconv.FEATURE_PREDICTION]),
            },
        )
    if dashboard == "batch":
        expected = {"service": ["price-api"], "job": ["valuation"]}
    query = ask.variables()[dashboard, name]
    offered = ask.variable(live.prometheus, query, values)
    # Confidences are compared once there have been many, also of models without a reference.
    if (dashboard, name) == ("drift", "service"):
        assert {"loan-api"} <= set(offered) <= set(SERVICES)
        return
    assert [each for each in offered if each != semconv.FEATURE_CONFIDENCE] == expected[name]


@pytest.mark.parametrize("link", ask.searches(), ids=lambda link: link.name)
def test_search_for_traces(live, link):
    """A link to Jaeger finds traces of the model or service chosen, failed ones where it says so."""
    opened = link.values(live.prometheus)
    assert opened
    for values in opened:
        spans = link.open(live.stores.jaeger, values)
        assert spans, values
        if "ml.model.name" in link.query["tags"]:
            [model] = {values[key] for key in values if key.endswith(("model", "ml_model_name"))}
            assert model in {span.tags.get(semconv.ML_MODEL_NAME) for span in spans}
        if "error" in link.query["tags"]:
            assert any("otel.status_code" in span.tags for span in spans)


def rules(prometheus):
    groups = ask.get(f"{prometheus}/api/v1/rules")["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def written(name):
    groups = yaml.safe_load((ROOT / f"prometheus/rules/{name}.yml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_rules_evaluate(live):
    """Prometheus has every rule of the files and evaluates each without an error."""
    files = [*written("alerts"), *written("recording")]
    names = sorted(rule.get("alert") or rule["record"] for rule in files)
    eventually(lambda: {rule["health"] for rule in rules(live.prometheus)}, {"ok"})
    found = rules(live.prometheus)
    assert sorted(rule["name"] for rule in found) == names
    assert [rule["lastError"] for rule in found if rule.get("lastError")] == []


RECORDS = sorted({rule["record"] for rule in written("recording")})


@pytest.mark.parametrize("record", RECORDS)
def test_recorded(live, record):
    """A recording rule has numbers."""
    eventually(lambda: bool(ask.numbers(live.prometheus, record)), True)


def test_failures_are_noticed(live):
    """The failing requests eat the error budget, and an alert says so."""

    def state():
        burning = [r for r in rules(live.prometheus) if r["name"] == "PredictionErrorBudgetBurn"]
        return {rule["state"] for rule in burning} & {"pending", "firing"} != set()

    eventually(state, True)


@pytest.fixture
def span(live):
    """A span of a prediction which has a log line."""
    labels = ask.exemplars(live.prometheus, "ml_prediction_duration_seconds_bucket")
    for each in reversed(labels):
        for span in live.stores.trace(each["trace_id"]):
            if span.id == each["span_id"] and live.stores.logs(span.trace_id):
                return span
    return pytest.fail("no exemplar leads to a span with a log line")


def test_trace_to_logs(live, span):
    """Logs of a trace: the query of the data source is ours, which finds lines of it only."""
    settings = ask.source("jaeger")["jsonData"]["tracesToLogsV2"]
    assert settings["datasourceUid"] == ask.source("loki")["uid"]
    tags = ask.tag_matchers(settings["tags"], {"service.name": "loan-api"})
    query = settings["query"].replace("${__tags}", tags)
    query = query.replace("${__trace.traceId}", span.trace_id)
    ours = lines("loan-api").where(field("trace_id", span.trace_id))
    assert query == ours.logql()
    found = found_lines(live.stores.victorialogs, ours)
    assert {each["trace_id"] for each in found} == {span.trace_id}


def test_log_to_trace(live, span):
    """Trace of a log line: the label that the data source names holds an id that Jaeger knows."""
    [derived] = ask.source("loki")["jsonData"]["derivedFields"]
    assert (derived["matcherType"], derived["url"]) == ("label", "${__value.raw}")
    assert derived["datasourceUid"] == ask.source("jaeger")["uid"]
    query = lines("loan-api").where(field("span_id", span.id))
    ids = {line[derived["matcherRegex"]] for line in found_lines(live.stores.victorialogs, query)}
    assert ids == {span.trace_id}
    assert live.stores.trace(ids.pop())


@pytest.mark.parametrize(
    "query",
    ask.source("jaeger")["jsonData"]["tracesToMetrics"]["queries"],
    ids=lambda query: query["name"],
)
def test_trace_to_metrics(live, query):
    """Metrics of a trace's service: each query of the data source has numbers."""
    settings = ask.source("jaeger")["jsonData"]["tracesToMetrics"]
    assert settings["datasourceUid"] == ask.source("prometheus")["uid"]
    tags = ask.tag_matchers(settings["tags"], {"service.name": "loan-api"})
    expr = query["query"].replace("$__tags", tags)
    eventually(lambda: bool(ask.numbers(live.prometheus, expr)), True)
