"""The test of two variants in PromQL gives what scipy and ``otelml.quality`` give."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml
from scipy import stats

from grafana.generate import experiment_rules, settings
from grafana.generate.experiment_rules import EXPERIMENTS, FAILURES, count
from otelml.quality import sequential
from tests.prometheus.test_rules import ROOT, load, promtool

pytestmark = pytest.mark.stack

RULES = ROOT / "prometheus/rules/recording.yml"
MODEL = 'service_name="loan-api", ml_model_name="loan"'
CANARY = f'{MODEL}, ml_model_version="4", ml_model_variant="canary"'
AT = "95m"
[GROUP] = [each for each in load(RULES)["groups"] if each["name"] == experiment_rules.GROUP]
TAU = settings.EXPERIMENT_EFFECT


def parts(total, minutes):
    """About half of it, and what there is each minute then; nothing is rounded."""
    step = total // (2 * minutes)
    return total - minutes * step, step


def rising(total):
    """Half of it at the first sample, as of a process that is new, the rest within an hour."""
    start, step = parts(total, 60)
    return f"{start}x9 {start}+{step}x60 {total}x30"


def restarted(total):
    """The same growth, and the counter begins again in the middle of it."""
    start, step = parts(total, 60)
    return f"{start}x9 {start}+{step}x30 {step}+{step}x29 {30 * step}x30"


def gone(total):
    """All of it within half an hour, by a process that then idles and ends."""
    start, step = parts(total, 30)
    return f"{start}x9 {start}+{step}x30 {total}x9 _x30"


def series(name, labels, values):
    return {"series": f"{name}{{{labels}}}", "values": values}


def variant(name, rows, happened, *, version="3", replica="a", shape=rising):
    """What a process counts: ``happened`` of ``rows`` failed, as many were quick, as many right."""
    of = f'{MODEL}, ml_model_version="{version}", service_instance_id="{replica}"'
    of += f', ml_model_variant="{name}"' if name else ""
    duration = "ml_prediction_duration_seconds"
    cells = {("yes", "yes"): happened * 0.75, ("no", "no"): happened * 0.25}
    cells[("yes", "no")] = rows - happened
    given = [series(f"{duration}_count", of, shape(rows - happened))]
    given.append(series(f"{duration}_bucket", f'{of}, le="{settings.SLO_LATENCY_S:g}"', "0x90"))
    given[-1]["values"] = shape(happened)
    if happened:  # an error that never was has no series
        given.append(series(f"{duration}_count", f'{of}, error_type="E"', shape(happened)))
    for (actual, predicted), value in cells.items():
        labels = f'{of}, ml_label_actual="{actual}", ml_label_predicted="{predicted}"'
        given.append(series("ml_feedback_total", labels, shape(value)))
    # Neither right nor wrong: a label without classes, as regressions have, and two folded ones.
    folded = f'{of}, ml_label_actual="_other", ml_label_predicted="_other"'
    given += [series("ml_feedback_total", each, shape(1000)) for each in (of, folded)]
    return given


def near(expr, value, relative=1e-9):
    """Expect one number."""
    bound = max(abs(value) * relative, 1e-12)
    held = f"count(abs({expr} - {value!r}) <= {bound!r})"
    return {"expr": held, "eval_time": AT, "exp_samples": [{"labels": "{}", "value": 1}]}


def nothing(expr):
    return {"expr": expr, "eval_time": AT, "exp_samples": []}


def check(folder, given, expected):
    """Let promtool evaluate the rules over the series."""
    path = folder / "experiment.yml"
    case = {"interval": "1m", "input_series": given, "promql_expr_test": expected}
    rules = folder / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [GROUP]}), "utf-8")
    path.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": [case]}), "utf-8")
    assert promtool("test", "rules", path).count("SUCCESS") == 1


def judged(champion, canary):
    """Difference, variance and p-value of (rows, happened), by scipy."""
    first, second = (np.repeat([1.0, 0.0], [k, n - k]) for n, k in (champion, canary))
    difference = second.mean() - first.mean()
    variance = sum(each.var(ddof=1) / len(each) for each in (first, second))
    if variance == 0:
        return float(difference), 0.0, 1.0
    z = difference / math.sqrt(variance)
    assert z == pytest.approx(stats.ttest_ind(second, first, equal_var=False).statistic)
    # Under no difference d is normal; under the mixture of all differences, with a larger variance.
    none = stats.norm(0, math.sqrt(variance)).pdf(difference)
    some = stats.norm(0, math.sqrt(variance + TAU**2)).pdf(difference)
    p_value = min(1.0, none / some)
    assert p_value >= 2 * stats.norm.sf(abs(z))  # what may be looked at any time costs something
    assert p_value == pytest.approx(sequential(first, second, effect=TAU).p_value)
    return float(difference), float(variance), float(p_value)


def expect(champion, canary, relative=1e-6):
    """Expect what scipy says of (rows, happened), of each of the three experiments."""
    difference, variance, p_value = judged(champion, canary)
    of = f"{{{CANARY}}}"
    found = []
    for each in EXPERIMENTS:
        found += [
            near(f"{count(each.of)}{of}", canary[0]),
            near(f"{count(each.happened)}{of}", canary[1]),
            near(f"{count(each.of, of_champion=True)}{of}", champion[0]),
            near(f"{count(each.happened, of_champion=True)}{of}", champion[1]),
            near(f"{each.recorded('difference')}{of}", difference, relative),
            near(f"{each.recorded('variance')}{of}", variance, relative),
            near(f"{each.p_value}{of}", p_value, relative),
        ]
    return found


CASES = {
    "the same share, unequal counts": ((9000, 180), (1000, 20)),
    "a little more, unequal counts": ((9000, 180), (1000, 40)),
    "twice as many of half the traffic": ((4000, 400), (2000, 400)),
    "fewer": ((6000, 1200), (6000, 600)),
    "none of the canary": ((5000, 200), (600, 0)),
    "none of either": ((5000, 0), (600, 0)),
    "all of either": ((5000, 5000), (600, 600)),
    "just enough of the champion": ((100, 20), (5000, 100)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_p_value_is_that_of_scipy(name, tmp_path):
    """Counts, difference, variance and p-value are exact, whatever the shares and counts."""
    champion, canary = CASES[name]
    given = [*variant("champion", *champion), *variant("canary", *canary, version="4")]
    check(tmp_path, given, expect(champion, canary))


def test_cases_differ():
    """Among them are clear differences, unclear ones and none."""
    p_values = [judged(*case)[2] for case in CASES.values()]
    assert min(p_values) < 1e-6
    assert any(0.001 < p_value < 0.9 for p_value in p_values)
    assert max(p_values) == 1.0


def test_replicas_are_added_up(tmp_path):
    """Many processes, one that has ended and one that began again: the sum of what they counted."""
    given = [
        *variant("champion", 4000, 60),
        *variant("champion", 2000, 48, replica="b", shape=gone),
        *variant("champion", 1200, 12, replica="c", shape=restarted),
        *variant("canary", 600, 30, version="4"),
        *variant("canary", 400, 20, version="4", replica="b", shape=gone),
        *variant("canary", 240, 24, version="4", replica="c", shape=restarted),
    ]
    check(tmp_path, given, expect((7200, 120), (1240, 74)))


def test_one_failure_a_process_is_counted(tmp_path):
    """The first value of a counter is no growth to PromQL: two hundred single failures are."""
    given = [*variant("champion", 9000, 180)]
    of = f'{CANARY}, service_instance_id="a'
    name = "ml_prediction_duration_seconds_count"
    given.append(series(name, f'{of}"', rising(800)))
    given += [series(name, f'{of}{n}", error_type="E"', f"_x20 1x{60}") for n in range(200)]
    champion, canary = (9000, 180), (1000, 200)
    expected = judged(champion, canary)[2]
    name = f"{FAILURES.p_value}{{{CANARY}}}"
    counted = near(f"{count(FAILURES.happened)}{{{CANARY}}}", 200)
    check(tmp_path, given, [counted, near(name, expected, 1e-6)])


def test_a_service_without_variants_is_the_champion(tmp_path):
    """What names no variant is compared with; a shadow is not compared."""
    given = [
        *variant("", 5000, 100),
        *variant("shadow", 5000, 2500, version="5"),
        *variant("canary", 1000, 50, version="4"),
    ]
    shadow = nothing(f'{FAILURES.p_value}{{ml_model_variant="shadow"}}')
    check(tmp_path, given, [*expect((5000, 100), (1000, 50)), shadow])


@pytest.mark.parametrize(
    "given",
    [
        [*variant("champion", 5000, 100), *variant("canary", 0, 0, version="4")],
        [*variant("champion", 0, 0), *variant("canary", 1000, 50, version="4")],
        [*variant("champion", 5000, 100)],
        [*variant("canary", 1000, 50, version="4")],
        [],
    ],
    ids=["canary is idle", "champion is idle", "no canary", "no champion", "nobody"],
)
def test_an_empty_variant_has_no_p_value(given, tmp_path):
    """Without predictions of both there is nothing to compare, and nothing is said."""
    check(tmp_path, given, [nothing(each.p_value) for each in EXPERIMENTS])


def test_too_few_say_nothing(tmp_path):
    """Of fewer than a hundred the test says nothing, however they differ."""
    given = [*variant("champion", 5000, 100), *variant("canary", 99, 90, version="4")]
    check(tmp_path, given, [near(f"{each.p_value}{{{CANARY}}}", 1.0) for each in EXPERIMENTS])


def test_the_champion_counts_only_beside_the_canary(tmp_path):
    """What the champion did before the experiment is not held against it, nor after its end."""
    name = "ml_prediction_duration_seconds_count"
    champion = f'{MODEL}, ml_model_version="3", ml_model_variant="champion"'
    given = [
        # An outage in the first half hour; then 100 a minute.
        series(name, f'{champion}, error_type="E"', "1000+50x30 2500x400"),
        series(name, champion, "5000+100x430"),
        series(name, CANARY, "_x100 10+10x59 600x260"),
    ]
    failed = near(f"{count('failed', of_champion=True)}{{{CANARY}}}", 0.0)
    # From the first prediction to an hour after the last one, in minutes.
    rows = near(f"{count('predictions', of_champion=True)}{{{CANARY}}}", 100 * 120, 0.02)
    ends = [{**each, "eval_time": "350m"} for each in (failed, rows)]
    check(tmp_path, given, ends)


def test_an_old_champion_does_not_end_the_experiment(tmp_path):
    """A version of the champion that is replaced counts for the time that it served."""
    given = [
        *variant("champion", 3000, 60, version="2", shape=gone),
        *variant("champion", 3000, 60, version="3"),
        *variant("canary", 1000, 50, version="4"),
    ]
    check(tmp_path, given, expect((6000, 120), (1000, 50)))
