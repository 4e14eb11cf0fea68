"""What each level lets through, and what redaction does at each door."""

from __future__ import annotations

import pytest

import otelml
from otelml._privacy import Policy, clean_request_line
from otelml._startup import resolve
from otelml.config import PrivacyOptions
from otelml.exceptions import ConfigurationError


def policy(level="private", **options):
    return Policy(PrivacyOptions(level=level, **options))


def test_levels_of_aggregates():
    """Private ones are of enough rows and rounded; a redacted feature has none."""
    private = policy(allow=("age",), redact=("iban",))
    assert private.aggregate("income", 73914.26, 49) is None
    assert private.aggregate("income", 73914.26, 50) == 74000
    assert private.aggregate("age", 41.625, 1) == 41.625
    assert private.aggregate("iban", 1.0, 500) is None
    assert policy("internal").aggregate("income", 73914.26, 1) == 73914.26
    assert policy("open", redact=("income",)).aggregate("income", 73914.26, 500) is None


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-300, -12345.678, 1e300])
def test_rounding_takes_any_number(value):
    """Zero, small, large and negative ones have two digits."""
    shown = policy().aggregate("x", value, 50)
    assert shown == pytest.approx(value, rel=0.05)
    assert len(f"{abs(shown):e}".partition("e")[0].replace(".", "").rstrip("0")) <= 2


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("page=2", "page=2"),
        ("page=2&ssn=1", "page=2&REDACTED"),
        ("ssn=1&token", "REDACTED"),
        ("Page=2", "REDACTED"),
        ("page=2;ssn=1", "page=2;ssn=1"),  # one parameter, as browsers read it
    ],
)
def test_queries(query, shown):
    """Only named parameters are sent; at ``open`` all are."""
    assert policy(queries=("page",)).query(query) == shown
    assert policy("open").query(query) == query


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('"GET /a?x=1 HTTP/1.1" 200', '"GET /a?REDACTED HTTP/1.1" 200'),
        ('1.2.3.4 - "POST /a/b?x=1&y=2 HTTP/1.1" 200 OK', '1.2.3.4 - "POST /a/b?REDACTED HTTP/1.1" 200 OK'),
        ('"GET /a HTTP/1.1" 200 "http://host/page?token=1"', '"GET /a HTTP/1.1" 200 "http://host/page?REDACTED"'),
        ("Is it up?", "Is it up?"),
    ],
)  # fmt: skip
def test_access_logs(line, shown):
    """Queries go from the request and from the page it came from."""
    assert clean_request_line(line) == shown


def test_redaction_reaches_prefixed_and_nested_fields():
    """A field of that name is hidden wherever it stands."""
    hidden = policy("open", redact=("iban",))
    given = {"iban": 1, "customer.iban": 2, "other": {"iban": 3, "x": 4}, "ibanx": 5}
    assert hidden.fields(given) == {
        "iban": "[redacted]",
        "customer.iban": "[redacted]",
        "other": {"iban": "[redacted]", "x": 4},
        "ibanx": 5,
    }


@pytest.mark.parametrize("level", ["privat", "", "INTERNAL "])
def test_levels_are_checked(level):
    """A wrong one is said with the nearest; case does not matter."""
    if level.strip().lower() == "internal":
        assert resolve({"privacy": level}).privacy.level == "internal"
        return
    with pytest.raises(ConfigurationError, match="private, internal, open"):
        resolve({"privacy": level})


def test_sources(tmp_path):
    """Argument, variable, file and default, in this order; a file may name the level alone."""
    (tmp_path / "pyproject.toml").write_text('[tool.otelml]\nprivacy = "internal"\n', "utf-8")
    assert resolve({}, environ={}, folder=tmp_path).privacy.level == "internal"
    variable = {"OTELML_PRIVACY": "open", "OTELML_REDACT": "a, b"}
    found = resolve({}, environ=variable, folder=tmp_path).privacy
    assert (found.level, found.redact) == ("open", ("a", "b"))
    assert resolve({"privacy": "private"}, environ=variable, folder=tmp_path).privacy.level == (
        "private"
    )
    (tmp_path / "pyproject.toml").write_text(
        '[tool.otelml.privacy]\nlevel = "open"\nredact = ["x"]\n', "utf-8"
    )
    found = resolve({}, environ={}, folder=tmp_path).privacy
    assert (found.level, found.redact) == ("open", ("x",))


def test_log_redaction_holds_for_all_signals():
    """``LogOptions(redact=)`` is the same list."""
    options = otelml.LogOptions(redact=("income",))
    assert Policy(PrivacyOptions(level="open"), options.redact).aggregate("income", 1.0, 9) is None
