"""A run of predictions gives what they give one by one, whatever is in their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from otelml._features import snapshot
from otelml._monitor import Monitor, Seen
from otelml._records.results import Results
from otelml.config import DriftOptions
from otelml.reference import Reference

_ROWS = 700
_MODEL = ("loan", "1")


def _row(place: int) -> dict[str, Any]:
    return {"age": place % 70 + 0.5, "sex": "fm"[place % 2], "code": place % 30, "new": True}


_REFERENCE = Reference.from_data([_row(place) for place in range(1000)])

_KINDS: dict[str, Callable[[int], Any]] = {
    "doubles": lambda place: {"age": place / 7, "code": place % 3, "new": place % 2 == 0},
    "texts": _row,
    "missing values": lambda place: {"age": None if place % 3 else 1.5, "sex": "f"},
    "not finite": lambda place: {"age": float("inf") if place % 5 else float("nan"), "code": 1.0},
    "floats of 32 bits": lambda place: {"age": np.float32(0.1) * place, "code": np.int32(place)},
    "integers beyond a double": lambda place: {"age": 1.0, "code": 2**60 + place},
    "integers beyond the largest": lambda place: {"age": 10**400, "code": place},
    "other keys in between": lambda place: {"age": 1.0} if place % 5 else {"code": 2, "age": 3.0},
    "tuples": lambda place: (place / 3, "f", place % 4, False),
    "arrays": lambda place: np.array([[place / 3, 1.0, place % 4, 0.0]]),
    "in turn": lambda place: _row(place) if place // 50 % 2 else (place / 3, "f", 1, False),
    "a text after many numbers": lambda p: {"age": 1.5, "code": p % 3 if p < 400 else "x"},
    "other keys after many numbers": lambda p: {"age": 1.5} if p < 400 else {"code": 1, "age": 2.0},
    "a tuple after many numbers": lambda p: {"age": 1.5} if p < 400 else (p / 3, "f", 1, False),
    "none": lambda _: None,
}

_RESULTS: dict[str, Callable[[int], Results]] = {
    "labels": lambda place: Results(("no", "yes")[place % 2 :][:1], None, None, (), place / _ROWS),
    "some confidences": lambda p: Results(("no",), None, None, (), None if p % 2 else 0.5),
    "values": lambda place: Results((), np.array([place / 3]), None, ()),
    "many in between": lambda place: (
        Results(("no", "yes"), None, np.array([0.2, 0.9]), (), 0.2)
        if place % 7 == 0
        else Results(("no",), None, None, (), 0.7)
    ),
    "nothing": lambda _: Results((), None, None, ()),
}


def _seen(rows: Callable[[int], Any], results: Callable[[int], Results]) -> list[Seen]:
    found: list[Seen] = []
    for place in range(_ROWS):
        row = rows(place)
        features = None if row is None else snapshot(row, 1000)
        found.append((*_MODEL, features, None, results(place)))
    return found


def _state(runs: list[list[Seen]], reference: Reference | None) -> dict[str, Any]:
    """Return what a monitor has counted after these runs."""
    options = DriftOptions(calibrate_for=0, self_reference_rows=200)
    monitor = Monitor(options, reference, clock=lambda: 1e9)
    for run in runs:
        monitor.take(run)
    found: dict[str, Any] = {}
    for watch in monitor.watches():
        watch.read()
        windows = {
            name: (window.counts.tolist(), window.missing, window.non_finite, window.column)
            for name, window in watch.windows.items()
        }
        counted = {name: total.tolist() for name, total in watch.totals.items()}
        found[watch.model] = (
            watch.rows,
            watch.digest,
            {name: repr(one) for name, one in windows.items()},
            counted,
            dict(watch.mismatches),
            watch.self_reference_progress,
        )
    return found


@pytest.mark.parametrize("reference", [_REFERENCE, None], ids=["reference", "first rows"])
@pytest.mark.parametrize("kind", _KINDS)
def test_a_run_counts_what_single_predictions_count(kind: str, reference: Reference | None) -> None:
    seen = _seen(_KINDS[kind], _RESULTS["nothing"])

    runs = [seen[start : start + 128] for start in range(0, _ROWS, 128)]

    assert _state(runs, reference) == _state([[one] for one in seen], reference)


@pytest.mark.parametrize("kind", _RESULTS)
def test_a_run_has_the_outputs_of_single_predictions(kind: str) -> None:
    seen = _seen(_KINDS["doubles"], _RESULTS[kind])

    assert _state([seen], _REFERENCE) == _state([[one] for one in seen], _REFERENCE)


def test_a_level_is_named_as_it_came_and_not_as_a_double() -> None:
    reference = Reference.from_data({"code": [str(2**60 + place) for place in range(100)]})
    run: list[Seen] = [
        (*_MODEL, snapshot({"code": 2**60 + place % 100}, 10), None, _RESULTS["nothing"](0))
        for place in range(300)
    ]
    monitor = Monitor(DriftOptions(calibrate_for=0), reference)

    monitor.take(run)
    (watch,) = monitor.watches()
    watch.read()

    assert watch.windows["code"].counts.tolist() == [3.0] * 100 + [0.0]


def test_each_model_of_a_run_has_its_own_rows() -> None:
    seen = _seen(_KINDS["doubles"], _RESULTS["labels"])
    mixed: list[Seen] = [(f"model-{place % 3}", *one[1:]) for place, one in enumerate(seen)]

    assert _state([mixed], _REFERENCE) == _state([[one] for one in mixed], _REFERENCE)


def test_the_first_rows_are_as_many_as_were_asked_for() -> None:
    seen = _seen(_KINDS["doubles"], _RESULTS["nothing"])
    monitor = Monitor(DriftOptions(calibrate_for=0, self_reference_rows=200))

    monitor.take(seen)

    (watch,) = monitor.watches()
    watch.read()
    assert watch.reference is not None
    assert watch.reference.rows == 200
    assert watch.rows == _ROWS - 200


def test_rows_are_read_in_blocks_of_a_bounded_size() -> None:
    wide = {f"x{place}": 1.0 for place in range(1000)}
    reference = Reference.from_data([wide] * 60)
    run: list[Seen] = [
        (*_MODEL, snapshot(wide, 10), None, _RESULTS["nothing"](0)) for _ in range(128)
    ]
    monitor = Monitor(DriftOptions(calibrate_for=0), reference)

    monitor.take(run)

    (watch,) = monitor.watches()
    assert watch.rows == 128  # four blocks of 32 rows: 32,768 cells each at most
    assert watch.rows_collected == 128
    with np.errstate(all="raise"):
        monitor.take(run[:31])
    assert watch.rows == 128
    assert watch.rows_collected == 128 + 31
