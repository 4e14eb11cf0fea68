"""References: built, kept, merged, read in chunks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier

from otelml.exceptions import InvalidReferenceError
from otelml.reference import Reference, Sample, margin_at, sources

RNG = np.random.default_rng(0)
FRAME = {
    "income": RNG.lognormal(10, 1, 5000),
    "level": RNG.choice(["a", "b", "c"], 5000).tolist(),
    "count": RNG.poisson(3, 5000),
}


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200),
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200),
)
@settings(max_examples=100, deadline=None)
def test_a_sample_is_what_numpy_says(first, second):
    """Quantiles, mean and deviation of two merged samples are those of all their values."""
    both = np.array(first + second)
    merged = Sample.of(np.array(first)).merge(Sample.of(np.array(second)))
    shares = np.linspace(0, 1, 11)
    scale = max(1.0, np.abs(both).max())
    assert np.abs(merged.quantiles(shares) - np.quantile(both, shares)).max() <= 1e-15 * scale
    assert merged.rows == len(both)
    assert abs(merged.mean - both.mean()) <= 1e-14 * scale
    assert abs(merged.deviation - both.std()) <= 1e-12 * scale


def test_a_thinned_sample_keeps_its_distribution():
    """A CDF of 1,000 kept values is off by a thousandth at most."""
    values = RNG.lognormal(0, 3, 50_000)
    thin = Sample.of(values).thinned(1000)
    assert len(thin.values) == 1000
    assert thin.rows == 50_000
    assert thin.distance(np.sort(values)) <= 1e-3


def test_what_is_saved_is_loaded(tmp_path):
    """The file gives back an equal reference, with the same digest, and people can read it."""
    reference = Reference.from_data(
        FRAME,
        predictions=FRAME["count"] > 3,
        y=FRAME["count"] > 2,
        importances=[3, 2, 1],
        ordered=True,
    )
    reference.save(tmp_path / "r.json")
    loaded = Reference.load(tmp_path / "r.json")
    assert loaded.digest == reference.digest
    assert loaded.features["income"].edges == reference.features["income"].edges
    assert loaded.features["income"].margins == reference.features["income"].margins
    assert loaded.quality == {
        "accuracy": float(((FRAME["count"] > 3) == (FRAME["count"] > 2)).mean()),
        "labels": 5000,
    }
    assert [loaded.features[n].importance for n in FRAME] == [3, 2, 1]
    assert json.loads((tmp_path / "r.json").read_text())["rows"] == 5000


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (
            lambda text: text.replace('"schema_version": 1', '"schema_version": 3'),
            "schema version 3; this otelml reads versions up to 2",
        ),
        (lambda text: text.replace('"rows": 5000', '"rows": 5001'), "its digest does not fit"),
        (lambda _: "{}", "no reference of otelml"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path, damage, message):
    """Cut, newer, changed, foreign."""
    Reference.from_data(FRAME).save(tmp_path / "r.json")
    (tmp_path / "bad.json").write_text(damage((tmp_path / "r.json").read_text()))
    with pytest.raises(InvalidReferenceError, match=message):
        Reference.load(tmp_path / "bad.json")


def test_no_file_is_said():
    """A path that is not there."""
    with pytest.raises(InvalidReferenceError, match=r"cannot read nowhere\.json: No such file"):
        Reference.load("nowhere.json")


def test_halves_merge_to_the_whole():
    """Two references of half the rows each are that of all rows."""
    halves = [
        {name: values[part] for name, values in FRAME.items()}
        for part in (slice(0, 2000), slice(2000, None))
    ]
    merged = Reference.from_data(halves[0]).merge(Reference.from_data(halves[1]))
    assert merged.digest == Reference.from_data(FRAME).digest


def test_other_features_do_not_merge():
    """The message names the features."""
    with pytest.raises(InvalidReferenceError, match="only one of both has: a, b"):
        Reference.from_data({"a": [1.0]}).merge(Reference.from_data({"b": [1.0]}))


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(FRAME),
        pl.DataFrame({n: list(v) for n, v in FRAME.items()}),
        [dict(zip(FRAME, row, strict=True)) for row in zip(*FRAME.values(), strict=True)],
    ],
    ids=["pandas", "polars", "rows"],
)
def test_any_table_gives_the_same_reference(table):
    """pandas, polars, lists of mappings."""
    assert Reference.from_data(table).digest == Reference.from_data(FRAME).digest


def test_arrays_take_names():
    """Dense and sparse arrays agree."""
    rows = RNG.poisson(0.5, (200, 2)).astype(float)
    dense = Reference.from_data(rows, feature_names=["a", "b"])
    assert (
        dense.digest
        == Reference.from_data(sparse.csr_matrix(rows), feature_names=["a", "b"]).digest
    )
    with pytest.raises(InvalidReferenceError, match="1 names for 2 columns"):
        Reference.from_data(rows, feature_names=["a"])


def test_csv_in_chunks_is_the_whole(tmp_path, monkeypatch):
    """Chunks of 700 rows give what all rows at once give; a late string makes a column levels."""
    frame = pd.DataFrame(FRAME)
    frame["mixed"] = ["1"] * 4999 + ["x"]
    frame.loc[5, "income"] = None
    frame.to_csv(tmp_path / "d.csv", index=False)
    whole = Reference.from_csv(tmp_path / "d.csv")
    monkeypatch.setattr(sources, "CHUNK_ROWS", 700)
    chunked = Reference.from_csv(tmp_path / "d.csv")
    assert chunked.digest == whole.digest
    assert chunked.features["mixed"].levels == {"1": 4999, "x": 1}
    assert chunked.features["income"].missing == 1


def test_a_ragged_csv_is_refused(tmp_path):
    """The message names the line."""
    (tmp_path / "d.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InvalidReferenceError, match=r"line 3: 1 values, not 2"):
        Reference.from_csv(tmp_path / "d.csv")


def test_a_model_gives_predictions_and_importances():
    """scikit-learn's importances and predictions are taken."""
    rows = RNG.normal(size=(300, 2))
    labels = (rows[:, 0] > 0).astype(int)
    model = RandomForestClassifier(10, random_state=0).fit(rows, labels)
    reference = Reference.from_data(rows, y=labels, model=model)
    assert [
        f.importance for f in reference.features.values()
    ] == model.feature_importances_.tolist()
    assert reference.predictions.levels == {}
    assert reference.predictions.sample.mean == pytest.approx(model.predict(rows).mean(), abs=1e-12)
    assert reference.quality == {"accuracy": model.score(rows, labels), "labels": 300}


def test_quality_of_held_out_rows_and_of_parts():
    """Quality may be that of other rows; parts merge to the quality of the whole."""
    said, true = RNG.normal(size=900), RNG.normal(size=900)
    whole = Reference.from_data({"x": said}, predictions=said, y=true)
    parts = [
        Reference.from_data({"x": said[part]}, predictions=said[part], y=true[part])
        for part in (slice(0, 300), slice(300, 900))
    ]
    assert parts[0].merge(parts[1]).quality == pytest.approx(whole.quality, rel=1e-12)
    errors = np.abs(said - true)
    assert whole.quality == pytest.approx(
        {
            "mean_absolute_error": errors.mean(),
            "mean_squared_error": (errors**2).mean(),
            "labels": 900,
        }
    )
    assert parts[0].merge(Reference.from_data({"x": said})).quality == {}
    held_out = whole.with_quality(["a", "b", "a", "a"], ["a", "b", "b", "a"])
    assert held_out.quality == {"accuracy": 0.75, "labels": 4}
    assert held_out.features is whole.features
    with pytest.raises(InvalidReferenceError):
        whole.with_quality(["a"], ["a", "b"])


def test_order_teaches_a_margin():
    """A daily pattern shows in windows of an hour; the same rows shuffled show nothing."""
    hours = np.arange(48_000) / 1000
    daily = RNG.normal(np.sin(hours / 24 * 2 * np.pi), 1)
    learned = Reference.from_data({"x": daily}, ordered=True).features["x"].margins
    shuffled = (
        Reference.from_data({"x": RNG.permutation(daily)}, ordered=True).features["x"].margins
    )
    assert margin_at(learned, 1000) > 0.15
    assert margin_at(shuffled, 1000) < 0.03
    by_time = RNG.permutation(48_000)
    stamped = Reference.from_data({"x": daily[by_time], "t": by_time.astype(float)}, timestamps="t")
    assert stamped.features["x"].margins == learned
    assert list(stamped.features) == ["x"]


@pytest.mark.parametrize(
    "options", [{"categorical": ["q"]}, {"timestamps": "q"}, {"importances": {"q": 1.0}}]
)
def test_names_that_are_not_there_are_refused(options):
    """A wrong name is no silent nothing."""
    with pytest.raises(InvalidReferenceError, match="no such column: q"):
        Reference.from_data(FRAME, **options)


def test_no_rows_are_refused():
    """An empty table is no reference."""
    with pytest.raises(InvalidReferenceError, match="no rows"):
        Reference.from_data({"a": []})


def test_a_query_and_a_parquet_file_are_references_like_a_frame(tmp_path):
    """Read in chunks from a database or a file, the reference is that of the whole frame."""
    import sqlite3

    import pandas as pd

    frame = pd.DataFrame(
        {"amount": [float(n % 97) for n in range(3000)], "kind": ["a", "b", "c"] * 1000}
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    with sqlite3.connect(tmp_path / "rows.db") as database:
        frame.to_sql("applications", database, index=False)
    whole = Reference.from_data(frame)
    parquet = Reference.from_parquet(tmp_path / "rows.parquet")
    query = Reference.from_sql(f"sqlite:///{tmp_path / 'rows.db'}", "SELECT * FROM applications")
    assert parquet.digest == query.digest == whole.digest
