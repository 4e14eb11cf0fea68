"""How long the drift rule goes without a false alarm, and how soon it finds a change.

``python -m benchmarks.drift_calibration`` runs what is not in its results file yet and writes the
table; ``--quick`` runs a few rows in less than two minutes. Each piece is one kind of data, rows of
a window and seed; it is stored when it is done, so that a run can be stopped and goes on.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drift_data import HOURS, KINDS, Kind
from benchmarks.drift_table import DELAY_LIMITS, document
from otelml.drift import AlarmBudget, Evidence, FeatureRule
from otelml.reference import Column, Feature, Reference

FEATURES = (1, 30, 100)
ROWS = (50, 200, 500, 5_000)
REFERENCES = (1_000, 10_000)
BUDGET = 100
HORIZON = 240
RESULTS = Path("benchmarks/drift_calibration.json")
PAGE = Path("docs/drift-calibration.md")


def _column(kind: Kind, values: Any) -> Column:
    if kind.categorical:
        return Column("categorical", np.empty(0), tuple(map(str, values.tolist())))
    return Column("numeric", np.ascontiguousarray(values, np.float64))


def _references(kind: Kind, rng: np.random.Generator, count: int) -> dict[int, list[Feature]]:
    """Return the features of a reference of each size."""
    found = {}
    for rows in REFERENCES:
        table = kind.reference(rng, rows, count)
        if kind.categorical:
            table = {str(place): list(map(str, column)) for place, column in enumerate(table.T)}
        made = Reference.from_data(table, ordered=kind.ordered)
        found[rows] = list(made.features.values())
    return found


def false_alarms(kind: Kind, rows: int, seed: int, budget: int, horizon: int) -> dict[str, Any]:
    """Return windows to the first false alarm of each model, ``null`` where there was none.

    The 100 features are 100 models of one feature, 3 of 30 and 1 of 100.

    Args:
        kind: Of data.
        rows: Of a window; of a mean one where traffic varies.
        seed: Of all draws.
        budget: Windows between false alarms.
        horizon: Windows to watch, after those that are learned from.
    """
    rng = np.random.default_rng([seed, rows, KINDS.index(kind)])
    count = max(FEATURES)
    rules = {
        size: [FeatureRule(feature) for feature in features]
        for size, features in _references(kind, rng, count).items()
    }
    evidence = {
        (size, features): [Evidence(AlarmBudget(features, budget)) for _ in range(count)]
        for size in REFERENCES
        for features in FEATURES
    }
    alarms: dict[tuple[int, int], list[int | None]] = {
        key: [None] * (count // key[1]) for key in evidence
    }
    windows = kind.windows(rng, rows, count)
    watched = 0
    learnt = 0
    while watched < horizon:
        window = next(windows)
        learning = learnt < HOURS
        learnt += learning
        watched += not learning
        for place in range(count):
            column = _column(kind, window[:, place])
            for size in REFERENCES:
                observed = rules[size][place].observe(column)
                for features in FEATURES:
                    event = evidence[size, features][place].add(observed.p_value(features))
                    model = place // features
                    found = alarms[size, features]
                    if event == "alarm" and model < len(found) and found[model] is None:
                        found[model] = max(1, watched)
    return {f"{size}/{features}": found for (size, features), found in alarms.items()}


def delays(kind: Kind, seed: int) -> dict[str, Any]:
    """Return windows until 10 of 30 shifted features bring an alarm, for each shift.

    A reference of 10,000, windows of 500, a budget of 1,000 windows; the shift begins at any hour.

    Args:
        kind: Of data.
        seed: Of all draws.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), 7])
    count = 30
    features = _references(kind, rng, count)[10_000]
    rules = [FeatureRule(feature, features=count) for feature in features]
    evidence = [Evidence(AlarmBudget(count, 1_000)) for _ in range(count)]
    windows = kind.windows(rng, 500, count)
    for _ in range(HOURS + 12 + int(rng.integers(HOURS))):
        window = next(windows)
        for place, rule in enumerate(rules):
            evidence[place].add(rule.p_value(_column(kind, window[:, place])))
    after = [next(windows) for _ in range(60)]
    found: dict[str, Any] = {"false": any(one.alarmed for one in evidence)}
    for shift in DELAY_LIMITS:
        now, then = copy.deepcopy(rules[:10]), copy.deepcopy(evidence[:10])
        found[str(shift)] = None
        for passed, window in enumerate(after, 1):
            for place, rule in enumerate(now):
                then[place].add(rule.p_value(_column(kind, window[:, place] + shift)))
            if any(one.alarmed for one in then):
                found[str(shift)] = passed
                break
    return found


def _stored(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _store(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(results, indent=0), "utf-8")
    partial.replace(path)


def _pieces(*, quick: bool, seeds: int) -> list[tuple[str, Any]]:
    """Return each piece's key and what runs it, the cheap ones first."""
    named = {kind.name: kind for kind in KINDS}
    if quick:
        few = ("independent, shuffled", "AR(1) 0.8", "levels")
        return [
            *((f"delay|{few[0]}|{seed}", _delay(named[few[0]], seed)) for seed in range(3)),
            *(
                (f"quick|{name}|{rows}|0", _false(named[name], rows, 0, 40, 40))
                for name in few
                for rows in (50, 500)
            ),
        ]
    with_delay = [kind for kind in KINDS if kind.delay]
    # Each row once, then again from the cheap ones on.
    order = [(rows, 0) for rows in ROWS]
    order += [(rows, seed) for rows in ROWS for seed in range(1, seeds)]
    pieces = [
        (f"false|{kind.name}|{rows}|{seed}", _false(kind, rows, seed, BUDGET, HORIZON))
        for rows, seed in order
        for kind in KINDS
    ]
    repeats = [
        (f"delay|{kind.name}|{seed}", _delay(kind, seed))
        for seed in range(25)
        for kind in with_delay
    ]
    return repeats + pieces


def _false(kind: Kind, rows: int, seed: int, budget: int, horizon: int) -> Any:
    return lambda: false_alarms(kind, rows, seed, budget, horizon)


def _delay(kind: Kind, seed: int) -> Any:
    return lambda: delays(kind, seed)


def main() -> None:
    """Run what is missing, store each piece, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rows, nothing written")
    parser.add_argument("--only", default="", help="pieces whose key contains this")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each row")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no piece after these"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    os.nice(10)
    results = {} if arguments.quick else _stored(arguments.results)
    started = time.monotonic()
    for key, run in _pieces(quick=arguments.quick, seeds=arguments.seeds):
        if key in results or arguments.only not in key:
            continue
        if time.monotonic() - started > arguments.minutes * 60:
            break
        begun = time.monotonic()
        found = run()
        print(f"{key} {time.monotonic() - begun:.1f} s {_brief(found)}", flush=True)
        if not arguments.quick:
            # Another run may have stored its own pieces meanwhile.
            results = {**_stored(arguments.results), key: found}
            _store(arguments.results, results)
    if not arguments.quick:
        PAGE.write_text(document(results, BUDGET, HORIZON), "utf-8")


def _brief(found: dict[str, Any]) -> str:
    return " ".join(
        f"{key}:{sum(x is not None for x in value)}/{len(value)}"
        if isinstance(value, list)
        else f"{key}:{value}"
        for key, value in found.items()
    )


if __name__ == "__main__":
    main()
