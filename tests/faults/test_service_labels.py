"""A million label values meet the cap on streams, in the service and in Prometheus."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time

import pytest

from tests._processes import ROOT, environment
from tests.acceptance._stores import eventually, get
from tests.faults._table import Row, report

pytestmark = [pytest.mark.stack, pytest.mark.slow]

BATCHES, ROWS, VALUES = 100, 10_000, 100
_PROGRAM_S = 200.0


def predicted(name: str, endpoint: str) -> dict:
    """Let a process predict a label of its own for each row; return its last status."""
    said = subprocess.run(
        [sys.executable, "-m", "tests.faults._service_labels", str(BATCHES), str(ROWS)],
        env=environment(
            OTEL_SERVICE_NAME=name,
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_METRIC_EXPORT_INTERVAL="1000",
            OTELML_LOGS_JSON="false",
        ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=_PROGRAM_S,
    ).stdout
    return json.loads(said)


def test_a_million_labels(site):
    """As many labels as the cap allows are series, the sum is exact, what was folded is counted."""
    name = f"labels-{secrets.token_hex(4)}"
    rows = BATCHES * ROWS

    def ask(query: str) -> list[tuple[str, float]]:
        query = query.replace("HERE", f'service_name="{name}"')
        found = get(f"{site.stores.prometheus}/api/v1/query", query=query)["data"]["result"]
        return [
            (one["metric"].get("otelml_instrument", ""), float(one["value"][1])) for one in found
        ]

    with site.collector("labels") as collector:
        began = time.monotonic()
        status = predicted(name, collector.url("collector"))
        took_s = time.monotonic() - began
        eventually(lambda: ask("sum(ml_predictions_total{HERE})"), [("", rows)])
        ((_, total),) = ask("sum(ml_predictions_total{HERE})")
        ((_, series),) = ask("count(ml_predictions_total{HERE})")
        ((_, folded),) = ask('ml_predictions_total{HERE, ml_prediction_label="_other"}')
        counted = ask("sum by (otelml_instrument) (otelml_cardinality_overflow_total{HERE})")
    note = f"{series:.0f} series, {folded:.0f} rows in _other, all counted; {took_s:.0f} s"
    lost = rows - int(total)
    report(Row("a million label values", "rows", rows, rows, int(total), 0, lost, 0, note))
    assert (series, folded) == (VALUES + 1, rows - VALUES)
    assert counted == [("ml.predictions", rows - VALUES)]
    assert [one["dropped"] for one in status["signals"].values()] == [{}, {}, {}]
    assert (status["worker"]["dropped"], status["errors"]) == (0, {})
