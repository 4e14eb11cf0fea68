"""Configuration: sources, precedence, and errors that help."""

from __future__ import annotations

import pytest

from otelml._startup.sources import resolve
from otelml.config import (
    Config,
    CostOptions,
    DriftOptions,
    FeedbackOptions,
    LogOptions,
    MetricOptions,
    TraceOptions,
)
from otelml.exceptions import ConfigurationError
from tests._ids import SECRET


def _resolve(tmp_path, arguments=None, environ=None, pyproject=None):
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject)
    return resolve(arguments or {}, environ=environ or {}, folder=tmp_path)


def test_defaults(tmp_path):
    """Nothing given anywhere gives the defaults."""
    assert _resolve(tmp_path, pyproject="") == Config()


def test_precedence(tmp_path):
    """Argument, then environment, then pyproject.toml, then default."""
    toml = '[tool.otelml]\nmodel = "file"\n[tool.otelml.metrics]\nlow_confidence = 0.1\n'
    environ = {"OTELML_MODEL": "env", "OTELML_LOW_CONFIDENCE": "0.2"}
    from_file = _resolve(tmp_path, pyproject=toml)
    assert (from_file.model, from_file.metrics.low_confidence) == ("file", 0.1)
    from_env = _resolve(tmp_path, environ=environ, pyproject=toml)
    assert (from_env.model, from_env.metrics.low_confidence) == ("env", 0.2)
    arguments = {"model": "code", "metrics": MetricOptions(low_confidence=0.3)}
    from_code = _resolve(tmp_path, arguments, environ, toml)
    assert (from_code.model, from_code.metrics.low_confidence) == ("code", 0.3)


def test_a_secret_of_the_environment_holds_beside_an_object(tmp_path):
    """A key is not written into code; one that is there, and all else, is the object's."""
    environ = {
        "OTELML_SECRET": SECRET,
        "OTELML_FEEDBACK_STORE": "sqlite:///a.db",
        "OTELML_PROMETHEUS_TOKEN": "token",
        "OTELML_RETRAINING_WEBHOOK": "https://pipelines.example/retrain",
        "OTELML_RETRAINING_SECRET": "whsec",
        "OTELML_HEADER": "false",
    }
    arguments = {
        "feedback": FeedbackOptions(store="sqlite:///b.db"),
        "metrics": MetricOptions(prometheus=True),
        "drift": DriftOptions(every="1h"),
    }
    found = _resolve(tmp_path, arguments, environ)
    assert found.feedback == FeedbackOptions(secret=SECRET, store="sqlite:///b.db")
    assert found.metrics == MetricOptions(prometheus=True, prometheus_token="token")
    assert (found.drift.every, found.drift.retraining.webhook_secret) == ("1h", "whsec")
    assert _resolve(tmp_path, arguments).drift is arguments["drift"]


def test_every_kind_of_variable(tmp_path):
    """Numbers, truth values and names are read from the environment."""
    environ = {
        "OTELML_TRACES": "no",
        "OTELML_QUEUE_SIZE": "12",
        "OTELML_SECRET": SECRET,
        "OTELML_SYSTEM": "false",
        "OTELML_INSTRUMENT": "flask, sklearn",
        "OTELML_LOG_LEVEL": "ERROR",
        "OTELML_COST_HOURLY_RATE": "0.25",
        "OTELML_COST_CURRENCY": "EUR",
    }
    config = _resolve(tmp_path, environ=environ, pyproject="")
    assert config.traces == TraceOptions(enabled=False, queue_size=12)
    assert config.feedback == FeedbackOptions(secret=SECRET)
    assert config.logs == LogOptions(level="ERROR")
    assert config.cost == CostOptions(hourly_rate=0.25, currency="EUR")
    assert not config.system
    assert config.instrument == ("flask", "sklearn")


def test_nothing_to_instrument(tmp_path):
    """The word none means none."""
    assert _resolve(tmp_path, {"instrument": "none"}, pyproject="").instrument == ()


@pytest.mark.parametrize(
    ("arguments", "environ", "toml", "parts"),
    [
        ({"metrics": "yes"}, {}, "", ["init(metrics=)", "'yes'", "MetricOptions"]),
        ({"system": 1}, {}, "", ["system", "1", "init(system=)"]),
        ({"model": 3}, {}, "", ["model", "3", "init(model=)"]),
        ({"resource_attributes": [1]}, {}, "", ["resource_attributes", "of type list"]),
        ({"resource_attributes": {"a": []}}, {}, "", ["resource_attributes[a]"]),
        ({}, {"OTELML_QUEUE_SIZE": "many"}, "", ["OTELML_QUEUE_SIZE", "not shown", "whole number"]),
        (
            {},
            {"OTELML_QUEUE_SIZE": "0"},
            "",
            ["queue_size", "0", "OTELML_QUEUE_SIZE", "at least 1"],
        ),
        ({}, {"OTELML_TRACES": "maybe"}, "", ["OTELML_TRACES", "maybe", "true or false"]),
        ({}, {"OTELML_LOW_CONFIDENCE": "nan"}, "", ["low_confidence", "nan"]),
        ({}, {"OTELML_LOG_LEVEL": "LOUD"}, "", ["LogOptions.level", "INFO"]),
        ({}, {}, "[tool.otelml]\nmodle = 'x'", ["modle", "pyproject.toml", "did you mean model?"]),
        ({}, {}, "[tool.otelml.logs]\nsampl_ratio = 1", ["logs.sampl_ratio", "logs.sample_ratio"]),
        ({}, {}, "[tool.otelml.logs]\nsample_ratio = 2", ["sample_ratio", "2", "pyproject.toml"]),
        ({}, {}, "[tool.otelml.logs]\nsample_ratio = 'x'", ["sample_ratio", "not shown", "float"]),
        ({}, {}, "[tool.otelml\n", ["pyproject.toml", "cannot be read"]),
        ({}, {}, "[tool]\notelml = 3", ["[tool.otelml] must be a table"]),
        ({}, {}, "[tool.otelml]\nmetrics = 3", ["metrics", "3", "table or bool"]),
    ],
)
def test_errors_name_key_value_and_source(tmp_path, arguments, environ, toml, parts):
    """Every error says what, where from, and what would be right."""
    with pytest.raises(ConfigurationError) as caught:
        _resolve(tmp_path, arguments, environ, toml)
    for part in parts:
        assert part in str(caught.value)


def test_unreadable_pyproject(tmp_path):
    """A file that is not text says so."""
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        resolve({}, environ={}, folder=tmp_path)


def test_options_are_checked_on_creation():
    """An option object cannot hold a wrong value."""
    with pytest.raises(ConfigurationError, match=r"MetricOptions\.cardinality_limit is True"):
        MetricOptions(cardinality_limit=True)
    with pytest.raises(ConfigurationError, match="at most 65535"):
        MetricOptions(prometheus_port=70000)


def test_secret_is_not_shown():
    """The secret stays out of logs."""
    assert "hush" not in repr(FeedbackOptions(secret="hush-hush-0123456789"))
    assert "hush" not in repr(Config(feedback=FeedbackOptions(secret="hush-hush-0123456789")))
