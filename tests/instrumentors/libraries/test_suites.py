"""Tests that libraries ship themselves end the same under instrumentation."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path

import pytest
import xgboost
from xgboost.testing import intercept, multi_target, ordinal, predict, with_skl

_RUNNER = Path(__file__).parents[1] / "sklearn" / "run_sklearn_suite.py"
_STATSMODELS = (
    "statsmodels.base.tests.test_predict",
    "statsmodels.base.tests.test_shrink_pickle",
    "statsmodels.regression.tests.test_predict",
    "statsmodels.miscmodels.tests.test_ordinal_model",
)
_XGBOOST = {
    "leaves": partial(predict.run_predict_leaf, "cpu", xgboost.DMatrix),
    "leaves of quantiles": partial(predict.run_predict_leaf, "cpu", xgboost.QuantileDMatrix),
    "margins": partial(predict.run_base_margin_vs_base_score, "cpu"),
    "degenerate logistic": partial(intercept.run_logistic_degenerate, "cpu"),
    "hinge": partial(multi_target.run_binary_hinge, "cpu"),
    "raw logits": partial(multi_target.run_binary_logitraw, "cpu"),
    "categories": partial(ordinal.run_cat_predict, "cpu"),
    "categories, explained": partial(ordinal.run_cat_shap, "cpu"),
    "categories by thread": partial(ordinal.run_cat_thread_safety, "cpu"),
    "estimators": partial(with_skl.run_intercept, "cpu"),
    "recoded estimators": partial(with_skl.run_recoding, "cpu"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", _XGBOOST)
def test_xgboosts_own_functions_hold(name, telemetry):
    """``xgboost.testing`` asserts as ever, and no error of otelml's was kept away."""
    _XGBOOST[name]()
    assert telemetry.metric("ml.prediction.active").sum() == 0


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_statsmodels_tests_end_the_same():
    """Test by test the outcomes are equal, with dozens of predictions reported meanwhile."""
    spec = importlib.util.spec_from_file_location("run_sklearn_suite", _RUNNER)
    runner = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    comparison = runner.compare(_STATSMODELS)
    assert comparison.differences == {}, comparison.lines()
    assert len(comparison.plain) > 80
    assert comparison.emitted["predictions"] > 50
    assert comparison.emitted["errors"] == {}
    assert comparison.emitted["active"] == comparison.emitted["inside"] == 0
