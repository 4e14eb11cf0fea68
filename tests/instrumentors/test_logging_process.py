"""A service that configures logging around ``init``, in a process of its own."""

from __future__ import annotations

import json

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run

SERVICE = """
    import logging
    from logging.config import dictConfig
    import otelml

    config = {{
        "version": 1,
        "handlers": {{"err": {{"class": "logging.StreamHandler"}}}},
        "root": {{"level": "WARNING", "handlers": ["err"]}},
    }}
    {before}
    telemetry = otelml.init("loans")
    {after}
    for number in range(3):
        with otelml.prediction("loan") as prediction:
            prediction.set_result(label="yes")
    logging.getLogger("app").warning("m")
    telemetry.shutdown()
    assert logging.root.parent is None
    assert logging.Logger.callHandlers.__qualname__ == "Logger.callHandlers"
    logging.getLogger("otelml.prediction").info("after")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "dictConfig(config)"),
        ("dictConfig(config)", ""),
        ("", "dictConfig(config); logging.root.handlers.clear()"),
        ("logging.disable(logging.INFO)", ""),
    ],
)
def test_each_predictions_event_is_written_and_exported(before, after):
    """Three predictions and one line of the application: each once on stdout, and once by OTLP."""
    with OtlpServer() as server:
        variables = {**server.environment(), "OTELML_LOGS_SAMPLE_RATIO": "1"}
        code, out, err = run(SERVICE.format(before=before, after=after), **variables)
    assert code == 0, err
    found = [json.loads(line) for line in out.splitlines()]
    events = [line for line in found if line.get("event_name") == "ml.prediction"]
    assert len(events) == 3
    assert len({event["trace_id"] for event in events}) == 3
    assert [line["message"] for line in found if line["logger"] == "app"] == ["m"]
    sent = [record.body.string_value for record in server.logs]
    assert sorted(sent) == sorted(line["message"] for line in found)
    assert "prediction of" not in err
