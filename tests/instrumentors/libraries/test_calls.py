"""Which calls are predictions, and that models stay what they are."""

from __future__ import annotations

import copy
import pickle
import sys

import catboost
import flask
import lightgbm
import mlflow
import numpy as np
import onnxruntime
import pytest
import xgboost
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import otelml
from otelml.config import Config, LogOptions
from otelml.exceptions import MissingDependencyError
from otelml.instrumentors import choice
from otelml.instrumentors.arrays import Shape, readable
from otelml.instrumentors.xgboost import XGBoostInstrumentor
from otelml.testing import capture
from tests.instrumentors.libraries._cases import FRAME, NAMES, TWO, X, cat, lgb, skl, stats, xgb

STAGES = ["feature_extraction", "inference", "post_processing"]


def _predictions(telemetry):
    telemetry.flush()
    found = telemetry.predictions()
    telemetry.clear()
    return found


class _Callback(xgboost.callback.TrainingCallback):
    def after_iteration(self, model, epoch, evals_log):
        model.predict(xgboost.DMatrix(X))
        return False


def _objective(predicted, matrix):
    return predicted - matrix.get_label(), np.ones_like(predicted)


def _train_xgboost():
    matrix = xgboost.DMatrix(X, TWO)
    parameters = {"nthread": 1, "max_depth": 2}
    xgboost.train(parameters, matrix, 2, obj=_objective, callbacks=[_Callback()],
                  evals=[(matrix, "train")], custom_metric=lambda p, _: ("m", float(p.mean())),
                  early_stopping_rounds=1, verbose_eval=False)  # fmt: skip
    xgboost.cv(parameters, matrix, 2, nfold=2, callbacks=[])
    estimator = xgboost.XGBClassifier(n_estimators=2, n_jobs=1, early_stopping_rounds=1)
    estimator.fit(X, TWO, eval_set=[(X, TWO)], verbose=False).score(X, TWO)
    cross_val_score(xgboost.XGBClassifier(n_estimators=2, n_jobs=1), X, TWO, cv=2)


def _train_lightgbm():
    def callback(env):
        env.model.predict(X)

    data = lightgbm.Dataset(X, TWO)
    parameters = {"objective": "binary", "verbose": -1, "num_threads": 1}
    lightgbm.train(parameters, data, 2, valid_sets=[data], callbacks=[callback],
                   feval=lambda p, _: ("m", float(np.mean(p)), True))  # fmt: skip
    lightgbm.cv(parameters, lightgbm.Dataset(X, TWO), 2, nfold=2)
    lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, TWO).score(X, TWO)


def _train_catboost():
    model = catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False)
    model.fit(X, TWO, eval_set=(X, TWO), early_stopping_rounds=1)
    model.score(X, TWO)
    model.eval_metrics(catboost.Pool(X, TWO), ["Logloss"])


@pytest.mark.parametrize("train", [_train_xgboost, _train_lightgbm, _train_catboost])
def test_training_predicts_for_nobody(train, telemetry):
    """Fit, evaluation, early stopping, callbacks, own objectives, cross-validation."""
    train()
    assert _predictions(telemetry) == []


FINAL = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=2, n_jobs=1),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1),
    "catboost": lambda: catboost.CatBoostClassifier(
        iterations=2, verbose=0, allow_writing_files=False
    ),
}


@pytest.mark.parametrize("final", FINAL.values(), ids=FINAL)
def test_a_pipeline_is_one_prediction(final, telemetry):
    """What its scaler takes is feature extraction; the last model's time is inference."""
    pipeline = make_pipeline(StandardScaler(), final()).fit(X, TWO)
    pipeline.predict_proba(X[:2])
    (prediction,) = _predictions_with_stages(telemetry)
    assert prediction == (type(pipeline[-1]).__name__, "scikit-learn", STAGES)


def _predictions_with_stages(telemetry):
    telemetry.flush()
    spans = telemetry.spans()
    found = []
    for span in telemetry.predictions():
        below = [s for s in spans if s.parent and s.parent.span_id == span.context.span_id]
        below.sort(key=lambda s: s.start_time)
        a = span.attributes
        found.append((a["ml.model.name"], a["ml.model.framework"], [s.name for s in below]))
    telemetry.clear()
    return found


SERVED = {
    "xgboost": (lambda: xgb("binary:logistic"), lambda m, x: (m.inplace_predict(x), m.predict(
        xgboost.DMatrix(x)))),
    "lightgbm": (lambda: lgb("binary"), lambda m, x: (m.predict(x), m.predict(x, raw_score=True))),
    "catboost": (lambda: cat("CatBoostClassifier", "two"),
                 lambda m, x: (m.predict(x), m.predict_proba(x))),
    "statsmodels": (lambda: stats("logit"), lambda m, x: (
        m.predict(FRAME[NAMES][:1]), m.predict(FRAME[NAMES][:1], which="linear"))),
}  # fmt: skip


@pytest.mark.parametrize("library", SERVED)
def test_a_request_is_one_prediction_of_three_stages(library, telemetry):
    """Two calls of one model with the same rows are one; the stages add up to it."""
    make, serve = SERVED[library]
    model = make()
    app = flask.Flask("served")

    @app.get("/")
    def view():
        serve(model, X[:1].copy())
        return "ok"

    choice.instrument_app(app, Config())
    response = app.test_client().get("/")
    telemetry.flush()
    spans = telemetry.spans()
    (span,) = telemetry.predictions()
    below = sorted(
        (s for s in spans if s.parent and s.parent.span_id == span.context.span_id),
        key=lambda s: s.start_time,
    )
    assert [s.name for s in below] == STAGES
    assert below[0].start_time == span.start_time
    assert below[-1].end_time == span.end_time
    assert [a.end_time for a in below[:-1]] == [b.start_time for b in below[1:]]
    assert response.headers["X-Prediction-Id"] == span.attributes["ml.prediction.id"]
    assert span.attributes["ml.prediction.label"] in ("0", "1")


def test_an_error_is_the_predictions_and_the_callers(telemetry):
    """It is raised as it is, and the prediction failed by it."""
    with pytest.raises(ValueError, match="Feature"):
        xgb("binary:logistic").inplace_predict(X[:, :2])
    (span,) = _predictions(telemetry)
    assert span.attributes["error.type"].endswith("ValueError")


def test_not_serving(telemetry):
    """What serves nobody is no prediction of any library."""
    models = xgb("binary:logistic"), cat("CatBoostClassifier", "two"), stats("logit")
    with otelml.not_serving():
        models[0].inplace_predict(X)
        models[1].predict(X)
        models[2].predict(FRAME)
    assert _predictions(telemetry) == []


MODELS = {
    "xgboost": lambda: xgb("binary:logistic"),
    "xgboost estimator": lambda: skl("xgboost.XGBClassifier", "two"),
    "lightgbm": lambda: lgb("binary"),
    "catboost": lambda: cat("CatBoostClassifier", "two"),
    "statsmodels": lambda: stats("ols"),
}


ROWS_OF = {"statsmodels": np.ones((1, 5))}


@pytest.mark.parametrize("name", MODELS)
def test_models_are_copied_and_pickled_as_ever(name):
    """The bytes are the same with otelml, and the copy predicts."""
    model = MODELS[name]()
    plain = pickle.dumps(model)
    with capture(Config(system=False, logs=LogOptions(json=False))) as telemetry:
        assert pickle.dumps(model) == plain
        twins = pickle.loads(plain), copy.deepcopy(model)
        for twin in twins:
            assert not [name for name in vars(twin) if "otelml" in name]
            ask = getattr(twin, "inplace_predict", twin.predict)
            ask(ROWS_OF.get(name, X[:1]))
        assert len(_predictions(telemetry)) == len(twins)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (xgboost.Booster, ("predict", "inplace_predict", "update", "load_model")),
        (xgboost.DMatrix, ("__init__",)),
        (lightgbm.Booster, ("predict", "update")),
        (lightgbm, ("train", "cv")),
        (catboost.CatBoost, ("predict", "fit", "virtual_ensembles_predict")),
        (onnxruntime.InferenceSession.__mro__[1], ("run", "run_with_iobinding")),
        (mlflow.pyfunc.PyFuncModel, ("predict",)),
    ],
)
def test_all_is_put_back(owner, names):
    """Afterwards each attribute is the object that it was."""
    before = {name: vars(owner)[name] for name in names}
    with capture(Config(system=False, logs=LogOptions(json=False))):
        assert all(vars(owner)[name] is not before[name] for name in names)
    assert all(vars(owner)[name] is before[name] for name in names)


def test_functions_of_a_module_pickle_by_name(telemetry):
    """``lightgbm.train`` is one object in every module that holds it."""
    assert pickle.loads(pickle.dumps(lightgbm.train)) is lightgbm.train
    assert lightgbm.sklearn.train is lightgbm.train is sys.modules["lightgbm.engine"].train


def test_a_booster_that_loads_another_file_is_another_model(tmp_path, seen):
    """Classes and features are those of what it holds now."""
    path = tmp_path / "three.json"
    xgb("multi:softprob", "three").save_model(path)
    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(X, TWO), 1)
    booster.inplace_predict(X[:1])
    booster.load_model(path)
    booster.inplace_predict(X[:1])
    (_, first), (_, second) = seen()
    assert (list(first.labels), first.values is not None) == ([], True)
    assert (len(second.labels), second.values) == (1, None)


def test_a_registered_name_reaches_what_a_library_puts_around(seen):
    """``fit`` of statsmodels returns a wrapper of the results whose method is called."""
    model = stats("logit")
    otelml.register_model(model, name="loan", version="2")
    model.predict(FRAME[NAMES][:1])
    ((record, _),) = seen()
    assert (record.model, record.version) == ("loan", "2")


def test_an_onnx_file_names_its_model(tmp_path, seen):
    """The file's name, as a graph's is made up."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    path = tmp_path / "house-prices.onnx"
    proto = to_onnx(LinearRegression().fit(X, X[:, 0]), X[:1])
    proto.model_version = 7
    path.write_bytes(proto.SerializeToString())
    onnxruntime.InferenceSession(path).run(None, {"X": X[:1]})
    ((record, _),) = seen()
    assert (record.model, record.version) == ("house-prices", "7")


def test_a_session_with_bound_memory_is_counted_and_not_read(seen):
    """Where outputs lie on a device nothing is copied."""
    from tests.instrumentors.libraries._cases import onnx

    session = onnx("real")
    binding = session.io_binding()
    binding.bind_cpu_input("X", X[:2])
    binding.bind_output("variable")
    session.run_with_iobinding(binding)
    ((_, results),) = seen()
    assert (list(results.labels), results.values) == ([], None)
    assert any("bound" in problem for problem in results.problems)


class _Remote:
    """An array of a device: reading it is an error of the test."""

    __module__ = "cupy"
    shape = (3, 4)

    def __array__(self, *_, **__):
        raise AssertionError("copied from the device")

    get = cpu = numpy = tolist = __len__ = __iter__ = __array__


def test_what_is_on_a_device_stays_there():
    """It has a shape, and is the same rows as itself alone."""
    from otelml._requests.rows import same_rows

    remote = _Remote()
    found = readable(remote)
    assert isinstance(found, Shape)
    assert found.shape == (3, 4)
    assert same_rows(found, readable(remote))
    assert not same_rows(found, readable(_Remote()))


def test_naming_a_library_brings_what_sees_its_estimators(monkeypatch):
    """XGBoost's estimators are seen through scikit-learn's instrumentor."""
    with capture(Config(instrument=("xgboost",), system=False)) as telemetry:
        skl("xgboost.XGBClassifier", "two").predict(X[:1])
        (span,) = telemetry.predictions()
    assert span.attributes["ml.model.name"] == "XGBClassifier"
    assert not XGBoostInstrumentor().is_instrumented_by_opentelemetry
    monkeypatch.setattr(choice, "_installed", lambda _: False)
    with pytest.raises(MissingDependencyError, match="xgboost"):
        choice.check(Config(instrument=("xgboost",)))


@pytest.mark.timeout(600)
def test_mlflow_names_a_model_as_its_registry_does(tmp_path, monkeypatch, seen):
    """Name and version, by number or alias; without a registry MLflow's metadata."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow.sklearn

    store = (tmp_path / "store").as_uri()
    pipeline = make_pipeline(StandardScaler(), FINAL["xgboost"]()).fit(FRAME[NAMES], TWO)
    path = tmp_path / "model"
    mlflow.sklearn.save_model(
        pipeline, path, pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
    client = mlflow.MlflowClient(store, store)
    client.create_registered_model("loan")
    client.create_model_version("loan", path.as_uri())
    client.set_registered_model_alias("loan", "champion", "1")
    before = mlflow.get_registry_uri(), mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    try:
        for uri in ("models:/loan/1", "models:/loan@champion", str(path)):
            model = mlflow.pyfunc.load_model(uri)
            expected = pipeline.predict(FRAME[NAMES][:3])
            np.testing.assert_array_equal(model.predict(FRAME[NAMES][:3]), expected)
    finally:
        mlflow.set_registry_uri(before[0])
        mlflow.set_tracking_uri(before[1])
    found = [(record, results) for record, results in seen() if record.framework == "mlflow"]
    assert [(r.model, r.version) for r, _ in found[:2]] == [("loan", "1"), ("loan", "1")]
    assert len(found) == 3
    assert found[2][0].model not in ("loan", "PyFuncModel")
    for record, results in found:
        assert list(results.labels) == [str(v) for v in expected]
        assert [stage.name for stage in record.stages] == STAGES
