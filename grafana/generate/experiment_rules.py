"""Variants beside the champion: the sequential test of two shares, as recording rules.

It is ``otelml.quality.sequential`` of zeros and ones, from the counters of all replicas. What the
champion did counts only while the other variant answers too: an outage before the experiment is
nobody's fault.

A count is added up from the growth over five minutes, which is recorded each minute, so that each
prediction is in it five times, and divided by five. That growth is of all processes, those that
have ended as well, and of a counter's first value too, which ``increase`` does not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana.generate import settings
from grafana.generate.drift_rules import MODEL
from grafana.generate.names import label
from grafana.generate.promql import diagonal, grown, known, matches, present, sum_by, vector
from grafana.generate.recorded import Recording
from otelml import semconv

GROUP: Final = "otelml-experiments"
_MINUTES: Final = 5
_WINDOW: Final = f"{_MINUTES}m"
_VARIANT: Final = (*MODEL, label(semconv.ML_MODEL_VARIANT))
_ACTUAL: Final = label(semconv.ML_LABEL_ACTUAL)
_PREDICTED: Final = label(semconv.ML_LABEL_PREDICTED)
# A service that names no variant has a champion only.
_CHAMPION: Final = matches(semconv.ML_MODEL_VARIANT, "champion|")
_OTHER: Final = f'{label(semconv.ML_MODEL_VARIANT)}!~"champion|shadow|"'
# How long a variant may be silent, and the experiment goes on.
_SILENT: Final = "1h"
PREDICTIONS: Final = "predictions"
LABELS: Final = "labels"


@dataclass(frozen=True)
class Experiment:
    """One thing in which variants are compared with the champion: a share.

    Args:
        name: What is compared.
        happened: What is counted.
        of: Of which.
    """

    name: str
    happened: str
    of: str

    def recorded(self, what: str) -> str:
        """Return the name of a result, by service, model, version and variant."""
        return f"variant:ml_experiment_{self.name}:{what}"

    @property
    def p_value(self) -> str:
        """The always-valid p-value."""
        return self.recorded("p_value")


FAILURES: Final = Experiment("failures", "failed", PREDICTIONS)
LATENCY: Final = Experiment("latency", "quick", PREDICTIONS)
QUALITY: Final = Experiment("quality", "right", LABELS)
EXPERIMENTS: Final = (FAILURES, LATENCY, QUALITY)
# What is counted, and of which it is a part.
_PARTS: Final = {
    PREDICTIONS: PREDICTIONS,
    LABELS: LABELS,
    **{each.happened: each.of for each in EXPERIMENTS},
}


def growth(what: str) -> str:
    """Return the name of: how much there was in the last minutes, by variant."""
    return f"variant:ml_experiment_{what}:growth{_WINDOW}"


def count(what: str, *, of_champion: bool = False) -> str:
    """Return the name of: how much there was in the experiment, of a variant or beside it."""
    side = "_of_champion" if of_champion else ""
    return f"variant:ml_experiment_{what}{side}:count_{settings.EXPERIMENT_LOOK_BACK}"


def _beside(what: str) -> str:
    return f"variant:ml_experiment_{what}_of_champion:growth{_WINDOW}"


def _growths() -> list[Recording]:
    duration = semconv.ML_PREDICTION_DURATION
    bound = f'le="{settings.SLO_LATENCY_S:g}"'
    failed = vector(duration, present(semconv.ERROR_TYPE), part="count")
    cells = f"cell:ml_experiment_labels:growth{_WINDOW}"
    # Of two labels that are folded nobody knows whether they are the same.
    labels = vector(
        semconv.ML_FEEDBACK,
        known(semconv.ML_LABEL_ACTUAL),
        present(semconv.ML_LABEL_PREDICTED),
    )

    def grew(selector: str, by: tuple[str, ...] = _VARIANT) -> str:
        return sum_by(by, f"\n  {grown(selector, _WINDOW)}\n")

    def nothing(what: str) -> str:
        return f"\nor 0 * {growth(what)}"

    right = sum_by(_VARIANT, diagonal(cells, _VARIANT, _ACTUAL, _PREDICTED))
    return [
        Recording(growth(PREDICTIONS), grew(vector(duration, part="count"))),
        Recording(growth(FAILURES.happened), grew(failed) + nothing(PREDICTIONS)),
        Recording(growth(LATENCY.happened), grew(vector(duration, bound, part="bucket"))),
        Recording(cells, grew(labels, (*_VARIANT, _ACTUAL, _PREDICTED))),
        Recording(growth(LABELS), sum_by(_VARIANT, cells)),
        Recording(growth(QUALITY.happened), right + nothing(LABELS)),
    ]


def _counts() -> list[Recording]:
    within = f"[{settings.EXPERIMENT_LOOK_BACK}]"
    found = []
    for what, of in _PARTS.items():
        champion = sum_by(MODEL[:2], vector(growth(what), _CHAMPION))
        runs = f"(max_over_time({vector(growth(of), _OTHER)}[{_SILENT}]) > bool 0)"
        others = f"sum_over_time({vector(growth(what), _OTHER)}{within})"
        found += [
            Recording(
                _beside(what), f"{champion}\n* on ({', '.join(MODEL[:2])}) group_right () {runs}"
            ),
            Recording(count(what), f"{others} / {_MINUTES}"),
            Recording(
                count(what, of_champion=True),
                f"sum_over_time({_beside(what)}{within}) / {_MINUTES}",
            ),
        ]
    return found


def _test(each: Experiment) -> list[Recording]:
    share, of_champion = each.recorded("share"), each.recorded("champion_share")
    difference, variance = each.recorded("difference"), each.recorded("variance")
    rows, champion_rows = count(each.of), count(each.of, of_champion=True)
    happened, champion_happened = count(each.happened), count(each.happened, of_champion=True)
    mixed = settings.EXPERIMENT_EFFECT**2
    total = f"({variance} + {mixed:g})"
    enough = f"{settings.EXPERIMENT_ROWS}"
    ratio = (
        f"0.5 * ln({variance} / {total})\n"
        f"  + {mixed:g} * {difference} ^ 2 / (2 * {variance} * {total})"
    )
    return [
        # What is interpolated may be a little more than all.
        Recording(share, f"clamp_max({happened} / ({rows} > 1), 1)"),
        Recording(of_champion, f"clamp_max({champion_happened} / ({champion_rows} > 1), 1)"),
        Recording(difference, f"{share} - {of_champion}"),
        # That of a share is p (1 - p) / (n - 1), which is s² / n.
        Recording(
            variance,
            f"{share} * (1 - {share}) / ({rows} - 1)\n"
            f"+ {of_champion} * (1 - {of_champion}) / ({champion_rows} - 1)",
        ),
        # Of too few, or where nothing is known of the spread, the test says nothing.
        Recording(
            each.p_value,
            f"(exp(-1 * clamp_min(\n  {ratio},\n  0))\n"
            f"  and {variance} > 0 and {rows} >= {enough} and {champion_rows} >= {enough})\n"
            f"or 1 + 0 * {variance}",
        ),
    ]


def groups() -> dict[str, list[Recording]]:
    """Return the rules, in one group: each uses those before it."""
    tests = [rule for each in EXPERIMENTS for rule in _test(each)]
    return {GROUP: [*_growths(), *_counts(), *tests]}
