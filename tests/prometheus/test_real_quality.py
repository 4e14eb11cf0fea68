"""Quality of a fleet: what the rules record is what scikit-learn says of all labels together."""

from __future__ import annotations

import json
import math
import time
import urllib.parse
import urllib.request
from collections import Counter

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from sklearn import metrics as oracle

from engines.stack import Stack
from grafana.generate.quality_rules import Quality
from otelml import semconv, semconv_quality
from otelml._feedback import FeedbackRecord, FeedbackResult
from otelml._metrics import Instruments, Sums, create_meter
from otelml._prediction import Token
from otelml._worker.label_counts import LabelCounts
from otelml.config import MetricOptions
from tests.acceptance.conftest import free_ports

pytestmark = pytest.mark.stack

REPLICAS = 3
WAIT_S = 90.0
TOTAL = Quality("total")
RNG = np.random.default_rng(0)


def two(rows, threshold=0.5):
    """Labels of two classes: actual, predicted, confidence of what was predicted."""
    actual = RNG.random(rows) < 0.4
    positive = np.clip(RNG.normal(0.4 + 0.2 * actual, 0.2), 0, 1)
    said = positive >= threshold
    confidence = np.where(said, positive, 1 - positive)
    names = np.array(["no", "yes"])
    return names[actual.astype(int)], names[said.astype(int)], confidence


def many(rows):
    names = np.array(["a", "b", "c", "never predicted", "never true"])
    actual = RNG.choice(4, rows, p=[0.5, 0.3, 0.1, 0.1])
    said = np.where(RNG.random(rows) < 0.7, actual, RNG.choice([0, 1, 2, 4], rows))
    said[said == 3] = 0
    return names[actual], names[said], RNG.random(rows)


DATA = {
    "two": two(900),
    "moved threshold": two(600, threshold=0.3),
    "one is never predicted": two(300, threshold=1.1),
    "only right": (np.array(["x", "y"] * 30), np.array(["x", "y"] * 30), np.full(60, 0.9)),
    "one class": (np.array(["x"] * 12), np.array(["x"] * 12), np.full(12, 0.9)),
    "many": many(1500),
    "no scores": (*two(90)[:2], np.full(90, math.nan)),
}
VALUES = {"price": (RNG.normal(size=500), RNG.normal(size=500))}
UNLABELLED = 4  # predictions by label


def record(model, actual, predicted, confidence, *, is_value=False):
    token = Token(1, 1, 0, 0, float(confidence), model, "1", "", str(predicted), is_value=is_value)
    result = FeedbackResult(model, "1", str(predicted), str(actual), "recorded", 1.0)
    return FeedbackRecord(token, result, "api", "", 0, None, None, 0, 1)


def key(model):
    return ((semconv.ML_MODEL_NAME, model), (semconv.ML_MODEL_VERSION, "1"))


def replica(number, endpoint):
    """A process that has received its share of the labels."""
    exporter = OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")
    provider = MeterProvider(
        [PeriodicExportingMetricReader(exporter, export_interval_millis=1000)],
        Resource({"service.name": "loan-api", "service.instance.id": str(number)}),
    )
    instruments = Instruments(create_meter(provider), MetricOptions())
    sums = Sums()
    counts = LabelCounts(instruments, sums)
    for model, columns in DATA.items():
        for row in list(zip(*columns, strict=True))[number::REPLICAS]:
            counts.add(record(model, *row), key(model))
            sums.add(instruments.predictions, key(model), UNLABELLED)
        failed = (semconv.ERROR_TYPE, "ValueError")
        sums.add(instruments.predictions, (*key(model), failed), 1000)
    for model, columns in VALUES.items():
        for true, said in list(zip(*columns, strict=True))[number::REPLICAS]:
            counts.add(record(model, true, said, math.nan, is_value=True), key(model))
    sums.add(instruments.predictions, key("unlabelled"), 7)
    sums.write()
    return provider


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a Prometheus that three replicas report to; values by model, or by model and class."""
    folder = tmp_path_factory.mktemp("quality")
    with Stack(folder, free_ports(36000), engines=("collector", "prometheus")) as stack:
        providers = [replica(number, stack.url("collector")) for number in range(REPLICAS)]

        def question(query, by=semconv.ML_MODEL_NAME):
            parameters = urllib.parse.urlencode({"query": query})
            url = f"{stack.url('prometheus')}/api/v1/query?{parameters}"
            with urllib.request.urlopen(url, timeout=10) as got:
                result = json.load(got)["data"]["result"]
            found = {}
            for each in result:
                model, name = each["metric"]["ml_model_name"], by.replace(".", "_")
                place = model if by == semconv.ML_MODEL_NAME else (model, each["metric"][name])
                assert place not in found
                found[place] = float(each["value"][1])
            return found

        deadline = time.monotonic() + WAIT_S
        whole = {name: len(columns[0]) for name, columns in {**DATA, **VALUES}.items()}
        while time.monotonic() < deadline and (
            question(TOTAL.labels) != whole or len(question(TOTAL.of_model("coverage"))) < 8
        ):
            time.sleep(0.5)
        time.sleep(1)
        yield question
        for provider in providers:
            provider.shutdown()


def test_accuracy_and_its_interval(ask):
    """The interval is Wilson's."""
    lower, upper = (ask(TOTAL.of_model(f"accuracy_{end}")) for end in ("lower", "upper"))
    found = ask(TOTAL.of_model("accuracy"))
    assert set(found) == set(lower) == set(upper) == set(DATA)
    z = 1.959963984540054
    for model, (actual, predicted, _) in DATA.items():
        assert found[model] == pytest.approx(oracle.accuracy_score(actual, predicted), abs=1e-12)
        # Wilson's ends are the shares p whose own normal interval ends at what was seen.
        for end in (lower[model], upper[model]):
            error = z * math.sqrt(end * (1 - end) / len(actual))
            assert abs(end - found[model]) == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_by_class_and_macro(ask, name):
    """What is undefined is absent by class, and 0 in the mean, as scikit-learn has it."""
    by_class = ask(TOTAL.of_class(name), semconv_quality.ML_LABEL_CLASS)
    macro = ask(TOTAL.of_model(f"{name}_macro"))
    score = getattr(oracle, f"{name}_score")
    expected = {}
    for model, (actual, predicted, _) in DATA.items():
        names = sorted({*actual, *predicted})
        each = score(actual, predicted, labels=names, average=None, zero_division=math.nan)
        pairs = zip(names, each, strict=True)
        expected |= {(model, k): v for k, v in pairs if not math.isnan(v)}
        mean = score(actual, predicted, average="macro", zero_division=0)
        assert macro[model] == pytest.approx(mean, abs=1e-12)
    assert by_class == pytest.approx(expected, abs=1e-12)


def test_roc_auc_of_two_classes(ask):
    """It is the exact one of scores that are rounded to their bins; else there is none."""
    found = ask(TOTAL.of_model("roc_auc"))
    assert set(found) == {"two", "moved threshold", "one is never predicted", "only right"}
    for model, area in found.items():
        actual, predicted, confidence = DATA[model]
        names = sorted({*actual, *predicted})
        place = np.clip(np.ceil(np.round(confidence, 6) * 20) - 1, 0, 19)
        score = np.where(predicted == names[1], place, 19 - place)
        assert area == pytest.approx(oracle.roc_auc_score(actual == names[1], score), abs=1e-9)
        exact = np.where(predicted == names[1], confidence, 1 - confidence)
        assert area == pytest.approx(oracle.roc_auc_score(actual == names[1], exact), abs=0.01)


def test_regression(ask):
    true, said = VALUES["price"]
    mae, rmse = (ask(TOTAL.of_model(name)) for name in ("mae", "rmse"))
    assert mae == pytest.approx({"price": oracle.mean_absolute_error(true, said)}, abs=1e-6)
    squared = oracle.mean_squared_error(true, said)
    assert rmse == pytest.approx({"price": math.sqrt(squared)}, abs=1e-6)


def test_coverage(ask):
    """Failed predictions have nothing to label; one without labels has a coverage of 0."""
    expected = dict.fromkeys(DATA, 1 / UNLABELLED) | {"unlabelled": 0}
    assert ask(TOTAL.of_model("coverage")) == pytest.approx(expected)


def test_cells_are_counted_once(ask):
    counted = ask(f"sum by (ml_model_name) ({TOTAL.cells})")
    assert counted == Counter({name: len(columns[0]) for name, columns in DATA.items()})
