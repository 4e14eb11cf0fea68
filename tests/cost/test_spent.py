"""Money summed up over time."""

from __future__ import annotations

import pytest

from otelml._cost.spent import Spent


class Clock:
    """A clock that stands still."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    """A clock at 0."""
    return Clock()


def test_a_rate_adds_up(clock):
    """Half an hour of 3 an hour is 1.5; a source that was never set is not there."""
    spent = Spent(clock)
    assert spent.read() == []
    spent.set_rate("a", 3.0)
    clock.now_s = 1800.0
    assert spent.read() == [("a", 1.5)]


def test_a_new_rate_holds_from_then_on(clock):
    """What was spent at the old rate stays spent."""
    spent = Spent(clock)
    spent.set_rate("a", 3.0)
    clock.now_s = 3600.0
    spent.set_rate("a", 1.0)
    clock.now_s = 7200.0
    assert spent.read() == [("a", 4.0)]


def test_it_never_falls(clock):
    """A negative rate, of credits, stops the sum and takes nothing from it."""
    spent = Spent(clock)
    spent.set_rate("a", 2.0)
    clock.now_s = 3600.0
    spent.set_rate("a", -5.0)
    clock.now_s = 36000.0
    assert spent.read() == [("a", 2.0)]


def test_sources_are_apart(clock):
    """Each has its own sum, from when it was first known."""
    spent = Spent(clock)
    spent.set_rate("a", 1.0)
    clock.now_s = 3600.0
    spent.set_rate("b", 10.0)
    clock.now_s = 7200.0
    assert spent.read() == [("a", 2.0), ("b", 10.0)]


def test_a_child_begins_at_zero(clock):
    """It keeps the rates."""
    spent = Spent(clock)
    spent.set_rate("a", 1.0)
    clock.now_s = 7200.0
    spent.after_fork()
    assert spent.read() == [("a", 0.0)]
    clock.now_s = 9000.0
    assert spent.read() == [("a", 0.5)]
