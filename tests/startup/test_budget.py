"""One ending has one budget, for a master and its workers together."""

from __future__ import annotations

import time

import pytest

from otelml._startup.budget import Budget
from tests._otlp_server import OtlpServer
from tests._processes import run

_TREE = """
import os, time
import otelml
from otelml import TraceOptions
otelml.init("shop", instrument="none", system=False, traces=TraceOptions(flush_timeout_s=2.0))

def work():
    with otelml.prediction("loan") as prediction:
        prediction.set_result(label="yes", confidence=0.9)

work()
for _ in range({children}):
    child = os.fork()
    if not child:
        work()
        raise SystemExit
    os.wait()
"""


def test_what_was_spent_is_gone():
    """Flushes of one process share its seconds; a child starts with all of them."""
    budget = Budget(5.0)
    budget.spend(2.0)
    assert budget.left_s() == 3.0
    budget.spend(4.0)
    assert budget.left_s() == 0.0
    budget.begin()
    assert budget.left_s() == 5.0


@pytest.mark.parametrize(("spent", "least", "most"), [(2.0, 0.4, 0.5), (0.3, 2.0, 2.0)])
def test_a_child_that_waited_in_vain_leaves_little(spent, least, most):
    """Only one that spent all of its own: one that was answered leaves the parent's as it is."""
    code, out, err = run(
        f"""
import os
from otelml._startup.budget import Budget
budget = Budget(2.0)
if not os.fork():
    budget.begin()
    budget.spend({spent})
    os._exit(0)
os.wait()
print(budget.left_s())
"""
    )
    assert (code, err) == (0, "")
    assert least <= float(out) <= most


@pytest.mark.parametrize("children", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_tree_ends_within_one_budget(children):
    """With an endpoint that never answers, the master does not wait as long as its worker again."""
    # One whole budget, half a second for each process after that, and what a machine at work adds.
    most_s = 2.0 + 0.5 * children + 1.2
    with OtlpServer() as server:
        for _ in range(4):  # a tree that waits too long does so each time, a busy machine does not
            server.mode = "hang"
            took = _time(_TREE.format(children=children), server)
            server.mode = "ok"
            took -= _time(_TREE.format(children=children), server)
            if took < most_s:
                break
    assert took < most_s


def _time(program, server):
    started = time.monotonic()
    code, _, err = run(program, **server.environment())
    assert code == 0, err
    return time.monotonic() - started
