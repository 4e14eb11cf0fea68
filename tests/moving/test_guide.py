"""``docs/moving.md``: the code of both sides runs, and each name it gives is one that exists."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from grafana.generate import foreign
from grafana.generate.names import label, series_names
from otelml import semconv, semconv_quality
from otelml.semconv import Kind, Metric
from tests._processes import ROOT, environment
from tests.moving._guide import PAGE, blocks, both_at_once, queries, rules, side

# What the instrumentation of processes emits and no dashboard shows.
MORE = (
    Metric("process.cpu.time", Kind.COUNTER, "s", ""),
    Metric("loan.overruled", Kind.COUNTER, "{decision}", ""),
)
NEW_NAME = re.compile(r"\b(?:ml|http|process|cpython|system|otelml)_[a-z_]+\b")
BEFORE_ONLY = "prometheus_client"
QUIET = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}


def run(code: str) -> str:
    """Run code in a process of its own, sending nowhere; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(**QUIET),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def known() -> set[str]:
    """Return every name of a series, and of a metric and a label, that there can be."""
    named = [*vars(semconv).values(), *vars(semconv_quality).values()]
    ours = [value for value in named if isinstance(value, Metric)]
    others = [value for value in vars(foreign).values() if isinstance(value, Metric)]
    metrics = [*ours, *others, *MORE]
    series = {name for metric in metrics for name in series_names(metric)}
    histograms = {name.rpartition("_")[0] for name in series if name.endswith("_bucket")}
    labels = {label(attribute) for metric in ours for attribute in metric.attributes}
    http = {"http_request_method", "http_route", "http_response_status_code"}
    return series | histograms | labels | http


@pytest.mark.parametrize("diff", blocks("diff"), ids=["client", "flask", "mlflow"])
def test_code_after_the_change_runs(diff):
    """What a diff leaves is a whole program."""
    run(side(diff, "+"))


def test_code_before_the_change_runs():
    """The old monitoring is one that works, where its package is installed here."""
    (diff,) = [diff for diff in blocks("diff") if BEFORE_ONLY in diff]
    code = side(diff, "-").replace("start_http_server(9464)", "start_http_server(0)")
    show = "from prometheus_client import generate_latest\nprint(generate_latest().decode())"
    said = run(f"{code}\n{show}")
    assert 'model_predictions_total{model="loan",version="3"} 1.0' in said
    assert 'model_latency_seconds_count{model="loan"} 1.0' in said


def test_both_sets_are_on_one_page():
    """The service with both shows both on its /metrics, with the same count."""
    wait = """
import time
deadline = time.monotonic() + 20
# A page that is made while the worker takes the prediction in shows half of it.
wanted = ("ml_predictions_total{", "ml_model_info{")
while not all(name in (page := client.get("/metrics").text) for name in wanted):
    assert time.monotonic() < deadline, page
    time.sleep(0.1)
print(page)
"""
    page = run(both_at_once() + wait)
    assert 'model_predictions_total{model="loan",version="3"} 1.0' in page
    names = 'ml_model_name="loan",ml_model_version="3",ml_prediction_label="approved"'
    assert re.search(rf"^ml_predictions_total{{{names},.*}} 1\.0$", page, re.MULTILINE)
    assert re.search(r"^http_server_request_duration_seconds_count\{.*\} ", page, re.MULTILINE)
    # As over OTLP: a share has a suffix, what is no share has none.
    assert re.search(r"^system_memory_utilization_ratio\{", page, re.MULTILINE)
    assert re.search(r"^ml_model_info\{", page, re.MULTILINE)


def test_every_new_name_exists():
    """No table names a metric or a label that otelml does not emit."""
    old = {*rules(), *(name for pair in queries() for name in NEW_NAME.findall(pair[0]))}
    old |= {f"process_{name}" for name in ("virtual_memory_bytes", "start_time_seconds", "max_fds")}
    # A name with `process_*` and alike is cut at the sign that stands for the rest.
    text = re.sub(r"`[a-z_]+_\*`", "", PAGE.read_text())
    tables = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    assert set(NEW_NAME.findall(tables)) - known() - old == set()


def test_the_rules_read_what_exists_and_write_what_was():
    """Every rule reads new names only, and each old name of the first diff has one."""
    read = {name for expr in rules().values() for name in NEW_NAME.findall(expr)}
    assert read - known() == set()
    (diff,) = [diff for diff in blocks("diff") if BEFORE_ONLY in diff]
    old = set(re.findall(r'"(model_[a-z_]+)"', side(diff, "-")))
    assert {name.removesuffix("_bucket") for name in rules()} >= old
