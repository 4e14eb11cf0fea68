"""``OTEL_PROPAGATORS``: every value of the specification, or one clear error."""

from __future__ import annotations

import pytest

from otelml._options import check_propagators, propagators
from otelml.exceptions import ConfigurationError
from tests._processes import run

PROGRAM = """
    from otelml._options import check_propagators
    check_propagators()
    from opentelemetry import propagate
    print(sorted(propagate.get_global_textmap().fields))
"""
BOTH = "['baggage', 'traceparent', 'tracestate']"


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("tracecontext", "['traceparent', 'tracestate']"),
        (" TraceContext , baggage,tracecontext", BOTH),
        ("", BOTH),
        (" , ", BOTH),
        ("none", "[]"),
        ("baggage, None", "[]"),
    ],
)
def test_values_of_the_specification(value, fields):
    """In any case, with spaces and repetitions; empty is not set."""
    code, out, err = run(PROGRAM, OTEL_PROPAGATORS=value)
    assert (code, out.strip(), err) == (0, fields, "")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("foo", "names a text that is not shown, which is not known; valid: "),
        ("Trace-Context", "names 'Trace-Context', which is not known; did you mean tracecontext?"),
        ("tracecontext,bagage", "names 'bagage', which is not known; did you mean baggage?"),
        ("b3", "names 'b3', which is not installed: pip install opentelemetry-propagator-b3"),
        ("B3Multi", "is not installed: pip install opentelemetry-propagator-b3"),
        ("jaeger", "is not installed: pip install opentelemetry-propagator-jaeger"),
        ("xray", "is not installed: pip install opentelemetry-propagator-aws-xray"),
        ("ottrace", "is not installed: pip install opentelemetry-propagator-ot-trace"),
    ],
)
def test_others_are_configuration_errors(monkeypatch, value, message):
    """With the nearest name, or the command that installs it."""
    installed = propagators._installed()
    known = {name: installed[name] for name in ("tracecontext", "baggage")}
    monkeypatch.setattr(propagators, "_installed", lambda: known)
    monkeypatch.setenv("OTEL_PROPAGATORS", value)
    with pytest.raises(ConfigurationError) as raised:
        check_propagators()
    assert str(raised.value).startswith("OTEL_PROPAGATORS names")
    assert message in str(raised.value)


def test_init_refuses_a_wrong_one():
    """As the error it is, though OpenTelemetry fails on it while it is imported."""
    program = """
        import otelml
        from otelml.exceptions import ConfigurationError
        try:
            otelml.init("x")
        except ConfigurationError as error:
            print(error)
    """
    code, out, _ = run(program, OTEL_PROPAGATORS="foo")
    assert code == 0
    assert out.startswith("OTEL_PROPAGATORS names a text that is not shown, which is not known")
