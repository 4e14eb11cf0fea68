"""Every output form of every library: what it says, and that it is what it is without otelml."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xgboost

from otelml._features.snapshots import table
from otelml._prediction import open as opened
from tests.instrumentors.libraries._cases import CASES, FRAME, NAMES, TWO


def _bytes(output):
    if isinstance(output, (list, tuple)):
        return [_bytes(part) for part in output]
    if isinstance(output, dict):
        return sorted((key, _bytes(value)) for key, value in output.items())
    array = np.asarray(output)
    content = pickle.dumps(array.tolist()) if array.dtype.hasobject else array.tobytes()
    return array.dtype.str, array.shape, content


@pytest.fixture(scope="module")
def plain():
    """Outputs without otelml, made before anything is instrumented, by name of the case."""
    return {case.name: case.call(case.model()) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_call_says(case, plain, seen, telemetry):
    """Rows, labels, values and confidences are those of the plain output, by its definition."""
    expected = plain[case.name]
    model = case.model()
    output = case.call(model)
    assert type(output) is type(expected)
    assert _bytes(output) == _bytes(expected)
    found = seen()
    if case.says is None:
        assert found == []
        return
    ((record, results),) = found
    assert (record.model, record.framework, record.rows) == (
        case.reported, case.framework, case.rows,
    )  # fmt: skip
    said = case.says(expected)
    assert list(results.labels) == said.get("labels", [])
    for name, array in (("values", results.values), ("confidences", results.confidences)):
        if name not in said:
            assert array is None or bool(np.isnan(array).all()), name
        else:
            np.testing.assert_allclose(array, said[name], rtol=1e-6, atol=1e-9, err_msg=name)
    assert [s.name for s in telemetry.predictions()] == [f"predict {case.reported}"]


def test_rows_of_a_matrix(seen, monkeypatch):
    """A matrix of XGBoost's has its rows, what is missing in it and its names."""
    rows = FRAME[NAMES].copy()
    model = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, TWO), 1)
    asked = rows[:3].copy()
    asked.iloc[1, 2] = np.nan
    kept = []
    plain = opened.snapshot

    def snapshot(features, keep):
        found = plain(features, keep)
        kept.append(found)
        return found

    monkeypatch.setattr(opened, "snapshot", snapshot)
    model.predict(xgboost.DMatrix(asked))
    ((record, _),) = seen()
    assert record.feature_names == tuple(NAMES)
    np.testing.assert_array_equal(table(kept[0].data).values, asked.to_numpy(np.float64))
