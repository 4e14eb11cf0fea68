"""``docs/moving-drift.md``: its code runs, and has after the change what it had before."""

from __future__ import annotations

import re

import pytest

from tests.moving._guide import ROOT
from tests.moving.test_guide import NEW_NAME, known, run

PAGE = ROOT / "docs/moving-drift.md"
BLOCKS = dict(re.findall(r"```python ([a-z-]+)\n(.*?)```", PAGE.read_text(), re.DOTALL))
SEEN = """
import re, time
from prometheus_client import generate_latest

def seen(metric, feature, method=None):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for name, labels, value in re.findall(
            r"^(\\w+){(.*)} (.*)$", generate_latest().decode(), re.MULTILINE
        ):
            of = dict(re.findall(r'(\\w+)="(.*?)"', labels))
            if name == metric and of.get("ml_feature_name") == feature:
                if method is None or of["ml_drift_method"] == method:
                    return float(value)
        time.sleep(0.1)
    raise AssertionError((metric, feature, method))
"""


@pytest.mark.parametrize("name", ["before-ks", "before-rolling", "before-kl"])
def test_code_before_runs(name):
    """The old services work."""
    run(BLOCKS[name])


def test_ks_on_a_csv_file():
    """Score, p-value, flag and minimum are those that the old gauges had."""
    old = BLOCKS["before-ks"].split("\n\nSCORE", maxsplit=1)[0]
    assert old.split("\n\n", 2)[2] in BLOCKS["after-ks"].replace("import otelml\n", "")
    check = """
from scipy.stats import ks_2samp
with open(baseline) as file:
    training = [float(row["loan_amount"]) for row in csv.DictReader(file)]
rows = np.random.default_rng(1).normal(20_000, 6_000, 100)
truth = ks_2samp(training, rows)
telemetry.check_drift()
assert abs(seen("ml_drift_statistic", "loan_amount", "ks") - truth.statistic) < 1e-12
assert abs(seen("ml_drift_p_value_ratio", "loan_amount", "ks") - truth.pvalue) < 0.005
assert seen("ml_drift_detected", "loan_amount") == (truth.pvalue < 0.05)
assert seen("ml_feature_min", "loan_amount") == rows.min()
score = seen("ml_drift_statistic", "loan_amount", "ks")
for amount in [*rows[:50], *[900_000.0] * 50]:
    predict(float(amount))
(report,) = telemetry.check_drift()
assert report["features"]["loan_amount"]["statistics"]["ks"]["value"] > score + 0.3
assert report["drifted"] == ["loan_amount"], report
for amount in rows:
    predict(float(amount))
assert telemetry.check_drift()[0]["cleared"] == ["loan_amount"]
"""
    run(BLOCKS["after-ks"] + SEEN + check)


def test_reports_on_a_rolling_window():
    """Status, trigger and report answer; shifted rows are drift, over the window that was said."""
    check = """
(status,) = client.get("/monitor/status").get_json()["models"]
assert status["next_run"] and status["rows_needed"] == 500
(report,) = telemetry.check_drift()
assert report["rows"] == 50 and not any(
    report["features"][name]["statistics"]["ks"]["p_value"] < 0.01 for name in NAMES
)
for row in np.random.default_rng(2).normal([8.3, 2.0, 6.7], 0.5, (50, 3)):
    client.post("/predict", json={"row": row.tolist()})
assert client.post("/monitor/trigger").status_code in (200, 202)
told = client.get("/monitor/report").get_json()
report = telemetry.drift_reports()[0]
assert set(NAMES) <= set(report["drifted"]), report
assert "iris" in str(told)
# Half of the last rows have moved, so that the distance is about a half.
assert 0.4 < report["features"]["sepal_length"]["statistics"]["ks"]["value"] < 0.6
(status,) = client.get("/monitor/status").get_json()["models"]
assert status["drift_detected"] and len(status["last_reports"]) == 2
"""
    run(BLOCKS["after-rolling"] + check)


def test_kl_against_a_table():
    """KL, its bands, the flag, the shift of predictions, the hour and the critical feature."""
    check = """
assert 0 < p_value <= 1
(status,) = telemetry.drift_status()
assert "T03:00" in status["next_run"], status
(report,) = telemetry.check_drift()
assert report["drifted"] == [], report
assert 0 <= seen("ml_drift_statistic", "income", "kl") < 0.1
assert 0 < seen("ml_drift_p_value_ratio", "income", "kl") <= 1
assert seen("ml_drift_severity", "income") == 0
for row in rng.normal([20_000, 9_000], [9_000, 2_000], (1_500, 2)):
    predict(*row)
(report,) = telemetry.check_drift()
assert "income" in report["drifted"] and "debt" not in report["drifted"], report
assert report["critical"] == ["income"]
assert "prediction" in report["features"]
kl_of = report["features"]["prediction"]["statistics"]["kl"]["value"]
assert kl_of > 0.1
until = time.monotonic() + 20
while seen("ml_drift_severity", "income") != 2 and time.monotonic() < until:
    time.sleep(0.1)
assert seen("ml_drift_severity", "income") == 2
assert seen("ml_drift_detected", "income") == 1
assert seen("ml_drift_statistic", "income", "kl") > 0.5
assert abs(seen("ml_drift_statistic", "prediction", "kl") - kl_of) < 1e-9
assert seen("ml_drift_statistic", "prediction", "kl") > 0.1
"""
    run(BLOCKS["after-kl"] + SEEN + check)


def test_every_new_name_exists():
    """No table names a metric or a label that otelml does not emit."""
    assert set(NEW_NAME.findall(PAGE.read_text())) - known() == set()
