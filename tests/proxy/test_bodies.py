"""What each protocol's bodies say, and that odd ones say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelml._proxy.fields import NOTHING, Outcome
from otelml._proxy.inference import InferenceBody
from otelml._proxy.mlflow import MlflowBody
from otelml._proxy.paths import find, parse
from otelml._proxy.seen import _tried
from otelml._proxy.template import Template
from otelml.exceptions import ConfigurationError

ROWS = [{"age": 30, "town": "Ulm"}, {"age": 40.5, "town": "Bonn"}]


@pytest.mark.parametrize(
    ("body", "features"),
    [
        ({"dataframe_split": {"columns": ["age", "town"], "data": [[30, "Ulm"], [40.5, "Bonn"]]}}, ROWS),
        ({"dataframe_split": {"index": [7], "columns": ["age"], "data": [[30]]}}, [{"age": 30}]),
        ({"dataframe_split": {"columns": [0, 1], "data": [[3, 4]]}}, [{"0": 3, "1": 4}]),
        ({"dataframe_split": {"data": [[3, 4]]}}, [[3, 4]]),
        ({"dataframe_split": {"columns": ["a"], "data": []}}, None),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}, None),
        ({"dataframe_split": [1]}, None),
        ({"dataframe_records": ROWS, "params": {"k": 1}}, ROWS),
        ({"dataframe_records": []}, None),
        ({"instances": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        ({"instances": [1, 2]}, [[1], [2]]),
        ({"instances": ROWS}, ROWS),
        ({"instances": [{"a": 1}, [2]]}, None),
        ({"inputs": {"age": [30, 40.5], "town": ["Ulm", "Bonn"]}}, ROWS),
        ({"inputs": {"age": [[30], [40.5]], "town": ["Ulm", "Bonn"]}}, ROWS),
        ({"inputs": {"age": 30, "town": "Ulm"}}, ROWS[0]),
        ({"inputs": {"age": [1, 2], "town": ["Ulm"]}}, None),
        ({"inputs": [[1.5, 2]]}, [[1.5, 2]]),
        ({"inputs": "a text"}, None),
        ({}, None),
        ([1], None),
        ("x", None),
        (None, None),
    ],
)  # fmt: skip
def test_mlflow_requests(body, features):
    """Each form of MLflow's requests gives its rows."""
    assert _tried(MlflowBody().features, body) == features


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"predictions": [1, 0]}, Outcome(label=[1, 0])),
        ({"predictions": ["yes"]}, Outcome(label=["yes"])),
        ({"predictions": [True]}, Outcome(label=[True])),
        ({"predictions": [1.5, 2]}, Outcome(value=[1.5, 2])),
        ({"predictions": [[1.5], [2.5]]}, Outcome(value=[1.5, 2.5])),
        ({"predictions": [[0.25, 0.75]]}, Outcome(probabilities=[[0.25, 0.75]])),
        ({"predictions": [[2.5, 0.75]]}, NOTHING),
        ({"predictions": [{"label": "a", "score": 0.9}, {"label": "b", "score": 0.8}]},
         Outcome(label=["a", "b"], confidence=[0.9, 0.8])),
        ({"predictions": {"price": [1.5]}}, Outcome(value=[1.5])),
        ({"predictions": [{"other": 1.5, "more": 2}]}, NOTHING),
        ({"predictions": "yes"}, Outcome(label=["yes"])),
        ([1, 0], Outcome(label=[1, 0])),
        ({"predictions": []}, NOTHING),
        ({"predictions": [None]}, NOTHING),
        ({"error_code": "BAD_REQUEST"}, NOTHING),
        (7, None),
    ],
)  # fmt: skip
def test_mlflow_answers(body, outcome):
    """Labels, values and probabilities are told apart."""
    assert _tried(MlflowBody().outcome, body) == outcome


def tensor(name, shape, datatype, data):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize(
    ("inputs", "features"),
    [
        ([tensor("x", [2, 2], "FP32", [1, 2, 3, 4])], [[1, 2], [3, 4]]),
        ([tensor("x", [2, 2], "FP32", [[1, 2], [3, 4]])], [[1, 2], [3, 4]]),
        ([tensor("x", [2, 2], "FP32", [1, 2, 3])], None),
        ([tensor("age", [2, 1], "FP64", [30, 40.5]), tensor("town", [2], "BYTES", ["Ulm", "Bonn"])], ROWS),
        ([tensor("age", [2], "INT64", [1, 2]), tensor("image", [2, 1, 1], "FP32", [1, 2])], [{"age": 1}, {"age": 2}]),
        ([{"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}], None),
        ([tensor("x", [0], "FP32", [])], None),
        ([tensor("x", [0, 2], "FP32", [1, 2])], None),
        ([{"shape": [1]}], None),
        ([], None),
        (7, None),
    ],
)  # fmt: skip
def test_v2_requests(inputs, features):
    """Tensors of one column each, or one matrix, flat or nested, give rows."""
    assert _tried(InferenceBody().features, {"id": "1", "inputs": inputs}) == features


@pytest.mark.parametrize(
    ("outputs", "outcome"),
    [
        ([tensor("predict", [2], "INT64", [1, 0])], Outcome(label=[1, 0])),
        ([tensor("y", [2, 1], "FP32", [2, 3])], Outcome(value=[2, 3])),
        ([tensor("output_label", [1], "BYTES", ["yes"]), tensor("output_probability", [1, 2], "FP32", [0.1, 0.9])],
         Outcome(label=["yes"], probabilities=[[0.1, 0.9]])),
        ([tensor("label", [1, 1], "BYTES", ["yes"]), tensor("confidence", [1, 1], "FP32", [[0.9]])],
         Outcome(label=["yes"], confidence=[0.9])),
        ([tensor("y", [1, 2], "FP32", [0.25, 0.75])], Outcome(probabilities=[[0.25, 0.75]])),
        ([tensor("y", [1, 2], "FP32", [3.5, 0.75])], NOTHING),
        ([tensor("predict_proba", [1, 2], "FP32", [0.25, 0.75])], Outcome(probabilities=[[0.25, 0.75]])),
        # As mlserver-sklearn names them.
        ([tensor("predict", [1, 1], "INT64", [1]), tensor("predict_proba", [1, 2], "FP64", [0.25, 0.75])],
         Outcome(label=[1], probabilities=[[0.25, 0.75]])),
        ([tensor("predict_proba", [1, 2], "FP64", [0.25, 0.75]), tensor("predict", [1], "BYTES", ["yes"])],
         Outcome(label=["yes"], probabilities=[[0.25, 0.75]])),
        ([tensor("class_probabilities", [1, 2], "FP32", [0.25, 0.75]), tensor("class", [1], "INT64", [1])],
         Outcome(label=[1], probabilities=[[0.25, 0.75]])),
        ([tensor("logits", [1], "FP32", [7.5]), tensor("confidence", [1], "FP32", [0.75])], Outcome(confidence=[0.75])),
        ([tensor("prediction_score", [1], "FP32", [720.5])], Outcome(value=[720.5])),
        ([], NOTHING),
    ],
)  # fmt: skip
def test_v2_answers(outputs, outcome):
    """Outputs are known by their names and types."""
    assert _tried(InferenceBody().outcome, {"model_name": "m", "outputs": outputs}) == outcome


def test_template():
    """Paths say where features, label and confidence are."""
    template = Template.of("$.rows", "result[*].label", confidence="result[*]['my score']")
    answer = {"result": [{"label": "a", "my score": 0.5}, {"label": "b", "my score": 1}]}
    assert template.features({"rows": ROWS}) == ROWS
    assert template.features({"rows": [1, "x"]}) == [[1, "x"]]
    assert template.features({"rows": {"a": [1, 2]}}) == [{"a": 1}, {"a": 2}]
    assert template.features({"other": 1}) is None
    assert template.outcome(answer) == Outcome(label=["a", "b"], confidence=[0.5, 1])
    assert Template.of(None, None) is None
    assert Template.of("$").features({"a": 1}) == {"a": 1}
    assert Template.of(label="a").features({"a": 1}) is None


@pytest.mark.parametrize("text", ["", "a b", ".a", "a[", "a[-1]", "a[]", "a..b", "$$", "a['b"])
def test_what_is_no_path(text):
    """It is refused by the option's name."""
    with pytest.raises(ConfigurationError, match="--label"):
        parse("--label", text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["dataframe_split", "columns", "data", "inputs", "instances", "outputs", "shape",
                 "name", "datatype", "predictions", "dataframe_records", "label"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_odd_bodies_say_nothing_or_something(body):
    """No body makes reading it an error."""
    for read in (MlflowBody(), InferenceBody(), Template.of("data", "label")):
        _tried(read.features, body)
        _tried(read.outcome, body)
    find(parse("--label", "$.data[*].name[0]"), body)
