"""Each library's models, its calls, and what each call must say: worked out from its plain output.

A case is a row of a table: a new library or output form is a new row.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
import xgboost
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

_RNG = np.random.default_rng(3)
X = _RNG.normal(size=(90, 4)).astype(np.float32)
TWO = (X[:, 0] + 0.5 * _RNG.normal(size=90) > 0).astype(int)
THREE = np.digitize(X[:, 0] + 0.3 * X[:, 1], [-0.4, 0.4])
SEVERAL = np.column_stack((TWO, X[:, 1] > 0)).astype(int)
REAL = (2 * X[:, 0] + X[:, 1]).astype(np.float64)
COUNTS = _RNG.poisson(np.exp(0.4 * X[:, 0]))
NAMES = ["age", "income", "debt", "rent"]
FRAME = pd.DataFrame(X, columns=NAMES).assign(two=TWO, real=REAL, counts=COUNTS)
ROWS = X[:7]
FRAME_ROWS = FRAME[NAMES][:7]


@dataclass(frozen=True)
class Case:
    """One call of one model.

    Args:
        name: Library, model and form.
        model: Makes the model, fitted.
        call: Calls it; returns its output.
        says: From the output to what the prediction must say: ``labels``, ``values``,
            ``confidences``, each a list; None where the call is no prediction.
        reported: Name of the model.
        framework: As reported.
        rows: Of the call.
    """

    name: str
    model: Any
    call: Any
    says: Any
    reported: str
    framework: str
    rows: int = 7


# --- what outputs mean, by the definition of each objective ------------------------------------


def nothing(_):
    """Counted, with no result: there is none that can be told."""
    return {}


def second(output):
    chances = np.asarray(output, float).ravel()
    return {
        "labels": ["1" if p > 0.5 else "0" for p in chances],
        "confidences": np.maximum(chances, 1 - chances).tolist(),
    }


def second_margin(output):
    return second(1 / (1 + np.exp(-np.asarray(output, float))))


def likeliest(output):
    chances = np.asarray(output, float)
    return {
        "labels": [str(i) for i in chances.argmax(1)],
        "confidences": chances.max(1).tolist(),
    }


def likeliest_margin(output):
    powers = np.exp(np.asarray(output, float))
    return likeliest(powers / powers.sum(1, keepdims=True))


def labels(output):
    return {"labels": [str(int(v)) for v in np.asarray(output).ravel()]}


def words(output):
    return {"labels": [str(v) for v in np.asarray(output).ravel()]}


def values(output):
    return {"values": np.asarray(output, float).ravel().tolist()}


# --- models ------------------------------------------------------------------------------------


@functools.cache
def xgb(objective, kind="two", **options):
    target = {"two": TWO, "three": THREE, "real": REAL, "counts": COUNTS, "several": SEVERAL}[kind]
    parameters = {"objective": objective, "max_depth": 2, "nthread": 1, **options}
    if kind == "three":
        parameters["num_class"] = 3
    return xgboost.train(parameters, xgboost.DMatrix(X, target), 3)


@functools.cache
def lgb(objective, kind="two", **options):
    target = {"two": TWO, "three": THREE, "real": REAL, "counts": COUNTS}[kind]
    parameters = {"objective": objective, "verbose": -1, "num_threads": 1, **options}
    if kind == "three":
        parameters["num_class"] = 3
    return lightgbm.train(parameters, lightgbm.Dataset(X, target), 3)


_QUIET = {"iterations": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1}


@functools.cache
def cat(cls, kind, **options):
    target = {"two": TWO, "three": THREE, "real": REAL, "counts": COUNTS, "several": SEVERAL,
              "words": np.array(["no", "yes"])[TWO]}[kind]  # fmt: skip
    return getattr(catboost, cls)(**_QUIET, **options).fit(X, target)


@functools.cache
def skl(cls, target, **options):
    module, name = cls.split(".")
    target = {"two": TWO, "three": THREE, "real": REAL}[target]
    package = {"xgboost": xgboost, "lightgbm": lightgbm}[module]
    quiet = {"verbose": -1} if module == "lightgbm" else {}
    return getattr(package, name)(n_estimators=3, n_jobs=1, **quiet, **options).fit(X, target)


@functools.cache
def onnx(kind, **options):
    if kind == "real":
        model = LinearRegression().fit(X, REAL)
    else:
        target = {"two": TWO, "three": THREE, "words": np.array(["no", "yes"])[TWO]}[kind]
        model = LogisticRegression().fit(X, target)
    proto = to_onnx(model, X[:1], options={id(model): dict(options)} if options else None)
    proto.graph.name = "graph"
    return onnxruntime.InferenceSession(proto.SerializeToString())


@functools.cache
def stats(kind):
    design = sm.add_constant(X)
    if kind == "ols":
        return sm.OLS(REAL, design).fit()
    if kind == "mnlogit":
        return sm.MNLogit(THREE, design).fit(disp=0, maxiter=5, warn_convergence=False)
    if kind == "poisson":
        return smf.glm("counts ~ age + debt", FRAME, family=sm.families.Poisson()).fit()
    if kind == "binomial":
        return smf.glm("two ~ age", FRAME, family=sm.families.Binomial()).fit()
    return smf.logit("two ~ age + debt", FRAME).fit(disp=0)


def _matrix():
    return xgboost.DMatrix(ROWS)


def _zipped(index):
    def says(output):
        chances = np.array([[row[name] for name in sorted(row)] for row in output[index]])
        found = likeliest(chances)
        if index:
            found["labels"] = [str(v) for v in output[0]]
        return found

    return says


_XGB, _LGB, _CAT = ("Booster", "xgboost"), ("Booster", "lightgbm"), "catboost"
_ORT = ("graph", "onnxruntime")


def _xgb(name, model, call, says):
    return Case(f"xgboost {name}", model, call, says, *_XGB)


def _lgb(name, model, call, says):
    return Case(f"lightgbm {name}", model, call, says, *_LGB)


def _cat(name, model, call, says, reported="CatBoostClassifier", rows=7):
    return Case(f"catboost {name}", model, call, says, reported, _CAT, rows)


def _ort(name, model, call, says):
    return Case(f"onnxruntime {name}", model, call, says, *_ORT)


def _sm(name, model, call, says, reported):
    return Case(f"statsmodels {name}", model, call, says, reported, "statsmodels")


CASES = [
    _xgb("binary", lambda: xgb("binary:logistic"), lambda m: m.predict(_matrix()), second),
    _xgb("binary strict", lambda: xgb("binary:logistic"),
         lambda m: m.predict(_matrix(), strict_shape=True), second),
    _xgb("binary margin", lambda: xgb("binary:logistic"),
         lambda m: m.predict(_matrix(), output_margin=True), second_margin),
    _xgb("binary inplace", lambda: xgb("binary:logistic"), lambda m: m.inplace_predict(ROWS), second),
    _xgb("binary inplace margin", lambda: xgb("binary:logistic"),
         lambda m: m.inplace_predict(ROWS, predict_type="margin"), second_margin),
    _xgb("logitraw", lambda: xgb("binary:logitraw"), lambda m: m.predict(_matrix()), second_margin),
    _xgb("hinge", lambda: xgb("binary:hinge"), lambda m: m.predict(_matrix()), labels),
    _xgb("softprob", lambda: xgb("multi:softprob", "three"), lambda m: m.predict(_matrix()), likeliest),
    _xgb("softmax", lambda: xgb("multi:softmax", "three"), lambda m: m.predict(_matrix()), labels),
    _xgb("softmax margin", lambda: xgb("multi:softmax", "three"),
         lambda m: m.predict(_matrix(), output_margin=True), likeliest_margin),
    _xgb("squared error", lambda: xgb("reg:squarederror", "real"), lambda m: m.predict(_matrix()), values),
    _xgb("squared error margin", lambda: xgb("reg:squarederror", "real"),
         lambda m: m.predict(_matrix(), output_margin=True), values),
    _xgb("poisson", lambda: xgb("count:poisson", "counts"), lambda m: m.predict(_matrix()), values),
    _xgb("poisson margin", lambda: xgb("count:poisson", "counts"),
         lambda m: m.predict(_matrix(), output_margin=True), nothing),
    _xgb("several labels", lambda: xgb("binary:logistic", "several"), lambda m: m.predict(_matrix()), nothing),
    _xgb("leaves", lambda: xgb("binary:logistic"), lambda m: m.predict(_matrix(), pred_leaf=True), None),
    _xgb("contributions", lambda: xgb("binary:logistic"),
         lambda m: m.predict(_matrix(), pred_contribs=True), None),
    _xgb("approximate contributions", lambda: xgb("binary:logistic"),
         lambda m: m.predict(_matrix(), pred_contribs=True, approx_contribs=True), None),
    _xgb("interactions", lambda: xgb("binary:logistic"),
         lambda m: m.predict(_matrix(), pred_interactions=True), None),
    Case("xgboost estimator", lambda: skl("xgboost.XGBClassifier", "three"),
         lambda m: m.predict(ROWS), labels, "XGBClassifier", "xgboost"),
    Case("xgboost estimator probabilities", lambda: skl("xgboost.XGBClassifier", "two"),
         lambda m: m.predict_proba(ROWS), likeliest, "XGBClassifier", "xgboost"),
    Case("xgboost estimator margin", lambda: skl("xgboost.XGBClassifier", "two"),
         lambda m: m.predict(ROWS, output_margin=True), second_margin, "XGBClassifier", "xgboost"),
    Case("xgboost estimator leaves", lambda: skl("xgboost.XGBClassifier", "two"),
         lambda m: m.apply(ROWS), None, "XGBClassifier", "xgboost"),
    Case("xgboost regressor", lambda: skl("xgboost.XGBRegressor", "real"),
         lambda m: m.predict(ROWS), values, "XGBRegressor", "xgboost"),
    _lgb("binary", lambda: lgb("binary"), lambda m: m.predict(ROWS), second),
    _lgb("binary raw", lambda: lgb("binary"), lambda m: m.predict(ROWS, raw_score=True), second_margin),
    _lgb("binary raw, steeper", lambda: lgb("binary", sigmoid=2.0),
         lambda m: m.predict(ROWS, raw_score=True), lambda out: second_margin(2 * out)),
    _lgb("multiclass", lambda: lgb("multiclass", "three"), lambda m: m.predict(ROWS), likeliest),
    _lgb("multiclass raw by position", lambda: lgb("multiclass", "three"),
         lambda m: m.predict(ROWS, 0, None, True), likeliest_margin),
    _lgb("one against all", lambda: lgb("multiclassova", "three"), lambda m: m.predict(ROWS), likeliest),
    _lgb("regression", lambda: lgb("regression", "real"), lambda m: m.predict(FRAME_ROWS), values),
    _lgb("poisson", lambda: lgb("poisson", "counts"), lambda m: m.predict(ROWS), values),
    _lgb("poisson raw", lambda: lgb("poisson", "counts"),
         lambda m: m.predict(ROWS, raw_score=True), nothing),
    _lgb("leaves", lambda: lgb("binary"), lambda m: m.predict(ROWS, pred_leaf=True), None),
    _lgb("contributions", lambda: lgb("binary"), lambda m: m.predict(ROWS, pred_contrib=True), None),
    Case("lightgbm estimator raw", lambda: skl("lightgbm.LGBMClassifier", "three"),
         lambda m: m.predict(ROWS, True), likeliest_margin, "LGBMClassifier", "lightgbm"),
    Case("lightgbm estimator contributions", lambda: skl("lightgbm.LGBMClassifier", "three"),
         lambda m: m.predict(ROWS, pred_contrib=True), None, "LGBMClassifier", "lightgbm"),
    _cat("labels", lambda: cat("CatBoostClassifier", "three"), lambda m: m.predict(ROWS), labels),
    _cat("words", lambda: cat("CatBoostClassifier", "words"), lambda m: m.predict(ROWS), words),
    _cat("probabilities", lambda: cat("CatBoostClassifier", "three"),
         lambda m: m.predict_proba(ROWS), likeliest),
    _cat("logarithms", lambda: cat("CatBoostClassifier", "three"),
         lambda m: m.predict_log_proba(ROWS), lambda out: likeliest(np.exp(out))),
    _cat("probabilities by type", lambda: cat("CatBoostClassifier", "two"),
         lambda m: m.predict(ROWS, "Probability"), likeliest),
    _cat("raw", lambda: cat("CatBoostClassifier", "two"),
         lambda m: m.predict(ROWS, prediction_type="RawFormulaVal"), second_margin),
    _cat("raw of three", lambda: cat("CatBoostClassifier", "three"),
         lambda m: m.predict(ROWS, prediction_type="RawFormulaVal"), likeliest_margin),
    _cat("pool", lambda: cat("CatBoostClassifier", "two"),
         lambda m: m.predict(catboost.Pool(ROWS)), labels),
    _cat("one row", lambda: cat("CatBoostClassifier", "two"),
         lambda m: m.predict(ROWS[0].tolist()), labels, rows=1),
    _cat("several labels", lambda: cat("CatBoostClassifier", "several", loss_function="MultiLogloss"),
         lambda m: m.predict_proba(ROWS), nothing),
    _cat("values", lambda: cat("CatBoostRegressor", "real"),
         lambda m: m.predict(ROWS), values, "CatBoostRegressor"),
    _cat("counts", lambda: cat("CatBoostRegressor", "counts", loss_function="Poisson"),
         lambda m: m.predict(ROWS), values, "CatBoostRegressor"),
    _cat("raw counts", lambda: cat("CatBoostRegressor", "counts", loss_function="Poisson"),
         lambda m: m.predict(ROWS, prediction_type="RawFormulaVal"), nothing, "CatBoostRegressor"),
    _cat("with uncertainty", lambda: cat("CatBoostRegressor", "real", loss_function="RMSEWithUncertainty"),
         lambda m: m.predict(ROWS, prediction_type="RMSEWithUncertainty"),
         lambda out: values(out[:, 0]), "CatBoostRegressor"),
    _cat("virtual ensembles",
         lambda: cat("CatBoostRegressor", "real", loss_function="RMSEWithUncertainty"),
         lambda m: m.virtual_ensembles_predict(ROWS, virtual_ensembles_count=1), nothing,
         "CatBoostRegressor"),
    _cat("leaves", lambda: cat("CatBoostClassifier", "two"), lambda m: m.calc_leaf_indexes(ROWS), None),
    _cat("contributions", lambda: cat("CatBoostClassifier", "two"),
         lambda m: m.get_feature_importance(catboost.Pool(ROWS), "ShapValues"), None),
    _cat("staged", lambda: cat("CatBoostClassifier", "two"),
         lambda m: np.array(list(m.staged_predict(ROWS))), None),
    _ort("zipped", lambda: onnx("two"), lambda m: m.run(None, {"X": ROWS}), _zipped(1)),
    _ort("zipped words", lambda: onnx("words"), lambda m: m.run(None, {"X": ROWS}),
         lambda out: {**_zipped(1)(out), "labels": words(out[0])["labels"]}),
    _ort("probabilities of unnamed labels", lambda: onnx("words", zipmap=False),
         lambda m: m.run(["probabilities"], {"X": ROWS}),
         lambda out: {"confidences": np.asarray(out[0], float).max(1).tolist()}),
    _ort("labels and a matrix", lambda: onnx("words", zipmap=False), lambda m: m.run(None, {"X": ROWS}),
         lambda out: {**words(out[0]), "confidences": np.asarray(out[1], float).max(1).tolist()}),
    _ort("labels alone", lambda: onnx("three"), lambda m: m.run(["output_label"], {"X": ROWS}),
         lambda out: labels(out[0])),
    _ort("values", lambda: onnx("real"), lambda m: m.run(None, {"X": ROWS}), lambda out: values(out[0])),
    _ort("values as OrtValue", lambda: onnx("real"),
         lambda m: [v.numpy() for v in m.run_with_ort_values(
             None, {"X": onnxruntime.OrtValue.ortvalue_from_numpy(ROWS)})],
         lambda out: values(out[0])),
    _sm("OLS", lambda: stats("ols"), lambda m: m.predict(sm.add_constant(X)[:7]), values, "OLS"),
    _sm("OLS in sample", lambda: stats("ols"), lambda m: m.predict(), None, "OLS"),
    _sm("OLS intervals", lambda: stats("ols"),
         lambda m: m.get_prediction(sm.add_constant(X)[:7]).conf_int(), None, "OLS"),
    _sm("logit", lambda: stats("logit"), lambda m: m.predict(FRAME_ROWS), second, "Logit"),
    _sm("logit of a mapping", lambda: stats("logit"),
         lambda m: m.predict(dict(FRAME_ROWS.items())), second, "Logit"),
    _sm("logit linear", lambda: stats("logit"),
         lambda m: m.predict(FRAME_ROWS, which="linear"), second_margin, "Logit"),
    _sm("binomial", lambda: stats("binomial"), lambda m: m.predict(FRAME_ROWS), second, "GLM"),
    _sm("poisson", lambda: stats("poisson"), lambda m: m.predict(FRAME_ROWS), values, "GLM"),
    _sm("poisson linear", lambda: stats("poisson"),
         lambda m: m.predict(FRAME_ROWS, which="linear"), nothing, "GLM"),
    _sm("multinomial", lambda: stats("mnlogit"), lambda m: m.predict(sm.add_constant(X)[:7]),
         likeliest, "MNLogit"),
]  # fmt: skip
