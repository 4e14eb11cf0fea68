"""References of tables that do not fit in memory: bounded, and as exact as is said."""

from __future__ import annotations

import importlib.util
import math
import sys
import tracemalloc

import numpy as np
import pytest

from otelml.drift import FeatureRule
from otelml.exceptions import InvalidReferenceError, MissingDependencyError
from otelml.reference import Column, Reference
from tests.cli.test_drift import run

CHUNK = 20_000
HAS = importlib.util.find_spec("datasketches") is not None
# The extra has it for every other version of Python: where it is missing there, tests fail.
NO_WHEEL = sys.version_info >= (3, 14) and not HAS
WITHOUT = pytest.mark.skipif(NO_WHEEL, reason="datasketches has no wheel for Python 3.14")
WAYS = [pytest.param(False, id="thinned"), pytest.param(True, id="sketched", marks=WITHOUT)]


def _chunks(rows, seed=0):
    """Exponential incomes, of which the true quantiles are known, and one of 50,000 towns."""
    generator = np.random.default_rng(seed)
    for start in range(0, rows, CHUNK):
        size = min(CHUNK, rows - start)
        towns = np.minimum(generator.zipf(1.3, size), 50_000)
        yield {
            "income": generator.exponential(1000, size),
            "town": [f"town {place}" for place in towns.tolist()],
        }


def _all(rows, name, seed=0):
    return np.concatenate([np.asarray(chunk[name]) for chunk in _chunks(rows, seed)])


def _largest_error(feature, values):
    """How far the share at or below any kept value is from that of all rows."""
    values = np.sort(values)
    sample = feature.sample
    at = np.searchsorted(values, sample.values, side="right") / len(values)
    return float(np.abs(at - sample.below[1:] / sample.below[-1]).max())


@pytest.mark.parametrize("sketch", WAYS)
@pytest.mark.parametrize("rows", [300_000, pytest.param(5_000_000, marks=pytest.mark.slow)])
def test_memory_is_bounded_and_bins_are_where_they_should_be(rows, sketch):
    """Far less than the values take; edges within the error that is stated; moments exact."""
    tracemalloc.start()
    try:
        reference = Reference.from_chunks(_chunks(rows), sketch=sketch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24e6, f"{peak / 1e6:.0f} MB"
    income, town = reference.features["income"], reference.features["town"]
    assert reference.rows == rows
    assert len(income.sample.values) <= 20_000
    assert len(town.levels) <= 1000
    values = _all(rows, "income")
    stated = 5e-4 if sketch else (1 + math.log2(rows / CHUNK)) / 20_000
    assert 0 < income.rank_error <= stated
    assert _largest_error(income, values) <= income.rank_error
    edges = np.searchsorted(np.sort(values), income.edges) / rows
    assert np.abs(edges - np.linspace(0.1, 0.9, 9)).max() <= income.rank_error + 1 / 20_000
    assert income.sample.mean == pytest.approx(values.mean(), rel=1e-9)
    assert income.sample.deviation == pytest.approx(values.std(), rel=1e-9)
    names, counts = np.unique(_all(rows, "town"), return_counts=True)
    true = dict(zip(names.tolist(), counts.tolist(), strict=True))
    assert sum(town.levels.values()) + town.other == rows
    for name, kept in town.levels.items():
        assert 0 <= true[name] - kept <= max(1, town.rank_error * rows)
    frequent = sorted(true, key=lambda name: -true[name])[:100]
    assert set(frequent) <= set(town.levels)


@pytest.mark.parametrize("sketch", WAYS)
def test_two_halves_merge(sketch):
    """Their rows add up, and the stated error still holds."""
    halves = [Reference.from_chunks(_chunks(200_000, seed), sketch=sketch) for seed in (1, 2)]
    merged = halves[0].merge(halves[1])
    values = np.concatenate([_all(200_000, "income", seed) for seed in (1, 2)])
    income = merged.features["income"]
    assert income.rows == 400_000
    assert max(half.features["income"].rank_error for half in halves) < income.rank_error < 1e-3
    assert _largest_error(income, values) <= income.rank_error
    assert income.sample.mean == pytest.approx(values.mean(), rel=1e-9)
    assert income.sample.deviation == pytest.approx(values.std(), rel=1e-9)


@pytest.mark.parametrize("sketch", WAYS)
def test_what_was_not_kept_is_said_in_the_file(tmp_path, sketch):
    """Error and moments are saved, and shown."""
    reference = Reference.from_chunks(_chunks(60_000), sketch=sketch)
    reference.save(tmp_path / "r.json")
    again = Reference.load(tmp_path / "r.json")
    assert again.digest == reference.digest
    assert again.features["income"].rank_error == reference.features["income"].rank_error
    assert again.features["income"].sample.moments == reference.features["income"].sample.moments
    assert "shares of bins are off by 0." in run("reference", "show", tmp_path / "r.json").output


def test_few_rows_are_exact_either_way():
    """Up to 20,000 distinct values nothing is given up, and both ways are one reference."""
    pytest.importorskip("datasketches")
    chunks = [
        {"a": [1.0, None, 2.5, math.inf], "b": ["x", "y", "x", None], "c": [1, 0, 1, 1]},
        {"a": [4.0, 4.0, math.nan, -1.0], "b": ["z", "x", "x", "y"], "c": [0, 0, 0, 1]},
    ]
    options = {"bins": 5, "categorical": ["c"], "importances": {"a": 0.5}}
    plain = Reference.from_chunks(chunks, **options)
    sketched = Reference.from_chunks(chunks, sketch=True, **options)
    assert sketched.digest == plain.digest
    assert plain.features["a"].rank_error == 0.0
    assert plain.features["a"].sample.moments is None


def test_without_sketches_two_builds_are_one_reference():
    """The digest of the same rows is the same; sketches draw at random, as is said."""
    first, second = (Reference.from_chunks(_chunks(100_000)) for _ in range(2))
    assert first.digest == second.digest


def test_a_discrete_column_of_very_many_rows_stays_exact():
    """Few distinct values are counted, not sketched; then many are sketched with their rows."""
    pytest.importorskip("datasketches")
    few = [{"a": np.repeat(np.arange(100.0), 5000)} for _ in range(4)]
    exact = Reference.from_chunks(few, sketch=True).features["a"]
    assert exact.rank_error == 0.0
    assert exact.sample.counts.tolist() == [20_000.0] * 100
    many = [*few, {"a": np.linspace(0, 99, 30_000)}]
    found = Reference.from_chunks(many, sketch=True).features["a"]
    assert found.rows == 2_030_000
    assert _largest_error(found, np.concatenate([one["a"] for one in many])) <= found.rank_error


def test_times_are_sketched_too():
    """Seconds since 1970, one an hour of a year, thirty times."""
    pytest.importorskip("datasketches")
    hours = np.datetime64("2026-01-01", "s") + np.arange(30_000) * 3600
    feature = Reference.from_chunks([{"at": hours}, {"at": hours}], sketch=True).features["at"]
    assert feature.kind == "datetime"
    assert feature.rows == 60_000


def test_what_a_sketch_cannot_take_in_is_said():
    """Other columns, another kind, nothing at all, an unknown option."""
    pytest.importorskip("datasketches")
    with pytest.raises(InvalidReferenceError, match="not all chunks have: b"):
        Reference.from_chunks([{"a": [1.0], "b": [1.0]}, {"a": [1.0]}], sketch=True)
    with pytest.raises(InvalidReferenceError, match="a is numeric first and categorical later"):
        Reference.from_chunks([{"a": [1.0]}, {"a": ["x"]}], sketch=True)
    with pytest.raises(InvalidReferenceError, match="no rows"):
        Reference.from_chunks([], sketch=True)
    with pytest.raises(TypeError, match="ordered"):
        Reference.from_chunks([{"a": [1.0]}], sketch=True, ordered=True)


def test_what_needs_all_rows_is_refused():
    """An order over chunks would be one of each chunk alone."""
    with pytest.raises(InvalidReferenceError, match="ordered needs all rows at once"):
        Reference.from_chunks([{"a": [1.0]}, {"a": [2.0]}], ordered=True)


def test_without_the_extra_it_is_named(monkeypatch):
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "datasketches", None)
    with pytest.raises(MissingDependencyError, match=r"otelml\[sketches\]"):
        Reference.from_chunks([{"a": [1.0]}], sketch=True)


def test_the_stated_error_is_given_away_before_testing():
    """A distance that the error alone explains is none."""
    rows = np.arange(100_000.0)
    reference = Reference.from_chunks([{"a": part} for part in np.split(rows, 5)])
    feature = reference.features["a"]
    rule = FeatureRule(feature)
    seen = rule.observe(Column("numeric", rows))
    assert feature.sample.distance(rows) > 0
    assert seen.value < feature.sample.distance(rows)


def test_the_command_takes_a_file_by_sketches(tmp_path):
    """The same rows and features as without."""
    pytest.importorskip("datasketches")
    lines = [f"{value},{'ab'[value % 2]}" for value in range(50_000)]
    (tmp_path / "rows.csv").write_text("a,b\n" + "\n".join(lines) + "\n")
    built = run("reference", "build", tmp_path / "rows.csv", "--sketch", "-o", tmp_path / "r.json")
    assert built.exit_code == 0, built.output
    assert built.output.endswith("r.json: 50000 rows, 2 features\n")
    reference = Reference.load(tmp_path / "r.json")
    assert reference.features["b"].levels == {"a": 25_000, "b": 25_000}
    assert reference.features["a"].sample.mean == pytest.approx(24_999.5)
