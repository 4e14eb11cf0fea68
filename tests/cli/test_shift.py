"""Payloads of any service drift: numbers by their spread, levels by their shares."""

from __future__ import annotations

import json
import random
from collections import Counter

import numpy as np
import pytest

from otelml.cli._scenarios import Plan
from otelml.cli._shift import Shift
from otelml.exceptions import ConfigurationError


def encoded(bodies):
    return tuple(json.dumps(body).encode() for body in bodies)


def shifted(bodies, **options):
    shift = Shift.of(encoded(bodies), **options)
    rng = random.Random(0)
    return [json.loads(shift.body(body, rng)) for body in encoded(bodies)]


def test_numbers_move_by_their_own_spread():
    rng = np.random.default_rng(0)
    rows = [{"a": float(a), "b": float(b)} for a, b in rng.normal([0, 50], [1, 9], (500, 2))]
    moved = shifted(rows, factor=2.0)
    for name, spread in (("a", 1.0), ("b", 9.0)):
        steps = {
            round(after[name] - before[name], 6) for before, after in zip(rows, moved, strict=True)
        }
        assert len(steps) == 1
        assert steps.pop() == pytest.approx(2 * spread, rel=0.1)


def test_whole_numbers_stay_whole_and_booleans_are_no_numbers():
    moved = shifted([{"n": n, "flag": True} for n in range(100)], factor=0.1)
    assert all(isinstance(body["n"], int) for body in moved)
    assert [body["flag"] for body in moved] == [True] * 100
    assert moved[0]["n"] == 3


def test_named_fields_move_alone():
    rows = [
        {"sepal": {"length": float(n), "width": float(n)}, "petal": float(n)} for n in range(10)
    ]
    moved = shifted(rows, factors={"sepal.length": 1.0, "petal": -1.0})
    spread = np.std(range(10))
    assert moved[0]["sepal"]["length"] == pytest.approx(spread)
    assert moved[0]["sepal"]["width"] == 0
    assert moved[0]["petal"] == pytest.approx(-spread)


def test_a_name_that_is_nowhere_is_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r"incme: no number .* did you mean income"):
        Shift.of(encoded([{"income": 1, "purpose": "car"}]), factors={"incme": 1.0})
    with pytest.raises(ConfigurationError, match="purpose: no number"):
        Shift.of(encoded([{"income": 1, "purpose": "car"}]), factors={"purpose": 1.0})


@pytest.mark.parametrize(("strength", "low", "high"), [(0.0, 0.85, 0.95), (1.0, 0.05, 0.15)])
def test_rare_levels_take_the_place_of_frequent_ones(strength, low, high):
    rows = [{"purpose": "house" if n % 10 == 0 else "car"} for n in range(2_000)]
    counts = Counter(body["purpose"] for body in shifted(rows, strength=strength))
    assert set(counts) == {"car", "house"}
    assert low < counts["car"] / 2_000 < high


def test_levels_of_equal_shares_drift_too():
    rows = [{"side": "left" if n % 2 else "right", "ok": bool(n % 2)} for n in range(2_000)]
    for name in ("side", "ok"):
        counts = Counter(body[name] for body in shifted(rows, strength=1.0))
        assert max(counts.values()) / 2_000 == pytest.approx(2 / 3, abs=0.05)


def test_ids_and_constant_texts_are_left_alone():
    rows = [{"id": f"c-{n}", "currency": "EUR", "note": None, "n": 1.0} for n in range(200)]
    assert shifted(rows) == [{**row, "n": 2.0} for row in rows]


def test_one_body_moves_by_its_own_value():
    assert shifted([{"a": 10.0, "zero": 0, "name": "x"}]) == [{"a": 20.0, "zero": 1, "name": "x"}]


@pytest.mark.parametrize(
    "body",
    [
        lambda row: {"dataframe_split": {"columns": ["a", "b"], "data": [row, row]}},
        lambda row: {"dataframe_records": [dict(zip("ab", row, strict=True))] * 2},
        lambda row: {"instances": [row, row]},
        lambda row: {"inputs": {"a": [row[0]], "b": [row[1]]}},
        lambda row: row,
        lambda row: row[0],
    ],
)
def test_any_shape_keeps_its_shape(body):
    rows = [body([float(n), 5.0 * n]) for n in range(50)]
    moved = shifted(rows)
    assert shape(moved) == shape(rows)
    assert moved != rows


def shape(value):
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def test_what_cannot_drift_is_refused():
    with pytest.raises(ConfigurationError, match="nothing in the payloads can drift"):
        Shift.of(encoded([{}, {"name": "x"}]))


def test_fields_of_rows_move_together_by_column():
    rows = [{"instances": [[float(n), 1_000.0 * n], [float(n), 1_000.0 * n]]} for n in range(50)]
    moved = shifted(rows)[0]["instances"]
    assert moved[0] == moved[1]
    assert moved[0][1] == pytest.approx(1_000 * moved[0][0])


def test_a_plan_repeats_itself_and_drifts_only_in_its_phase():
    bodies = encoded({"a": float(n)} for n in range(10))
    shift = Shift.of(bodies)
    drifting = Plan("drift", 7, bodies=bodies, shift=shift)
    assert [drifting.request(i).body for i in range(30)] == [
        drifting.request(i).body for i in range(30)
    ]
    assert drifting.request(3).body != bodies[3]
    assert Plan("normal", 7, bodies=bodies, shift=shift).request(3).body == bodies[3]
