"""What instrumentors have in common, and what they answer to contrib's loader."""

from __future__ import annotations

import pytest

from otelml.instrumentors.base import Instrumentor


@pytest.fixture
def made():
    """An instrumentor class of its own for each test."""

    class One(Instrumentor):
        needs = ("pytest >= 1.0",)

        def __init__(self):
            self.calls = getattr(self, "calls", [])

        def instrumentation_dependencies(self):
            return self.needs

        def _instrument(self, **kwargs):
            self.calls.append(("on", kwargs))

        def _uninstrument(self, **kwargs):
            self.calls.append(("off", kwargs))

    return One


def test_one_instance_a_class(made):
    """Each class has one, and a subclass its own."""
    other = type("Other", (made,), {})
    assert made() is made()
    assert other() is not made()
    assert type(other()) is other


def test_on_and_off(made, caplog):
    """Options come through; a second call warns and does nothing."""
    made().instrument(a=1, skip_dep_check=True, raise_exception_on_conflict=True)
    made().instrument()
    assert made().is_instrumented_by_opentelemetry
    made().uninstrument()
    made().uninstrument()
    assert not made().is_instrumented_by_opentelemetry
    assert made().calls == [("on", {"a": 1}), ("off", {})]
    assert [r.levelname for r in caplog.records] == ["WARNING", "WARNING"]


@pytest.mark.parametrize("needs", ["no-such-thing", "pytest >= 999", "no-such-thing >= 1.0"])
def test_what_is_missing_or_too_old_is_not_instrumented(made, needs, caplog):
    """By hand it is logged; a loader is told, by the error that it takes for that."""
    made.needs = (needs,)
    made().instrument()
    assert (made().calls, caplog.records[0].levelname) == ([], "ERROR")
    with pytest.raises(ModuleNotFoundError, match=r"is not installed|needed is"):
        made().instrument(raise_exception_on_conflict=True)
    made().instrument(skip_dep_check=True)
    assert made().is_instrumented_by_opentelemetry


def test_a_newer_one_is_fine(made):
    """With or without a bound, with or without spaces."""
    made.needs = ("pytest>=7", "pytest", "pytest >= 7.0.1")
    made().instrument(raise_exception_on_conflict=True)
    assert made().is_instrumented_by_opentelemetry


def test_an_error_leaves_it_off(made, monkeypatch):
    """It can be tried again."""
    monkeypatch.setattr(made, "_instrument", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made().instrument()
    assert not made().is_instrumented_by_opentelemetry
