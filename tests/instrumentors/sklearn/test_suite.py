"""scikit-learn's own tests end the same with and without instrumentation."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("run_sklearn_suite.py")


def _runner():
    spec = importlib.util.spec_from_file_location("run_sklearn_suite", RUNNER)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_scikit_learns_tests_end_the_same():
    """Test by test the outcomes are equal, with thousands of predictions reported meanwhile.

    About five minutes on two cores; ``run_sklearn_suite.py`` beside this file runs it alone.
    """
    runner = _runner()
    comparison = runner.compare(runner.MODULES, processes=2)
    assert comparison.differences == {}, comparison.lines()
    assert len(comparison.plain) > 2000
    assert set(comparison.plain.values()) <= {"passed", "skipped", "xfailed", "xskipped"}
    assert comparison.emitted["predictions"] > 1000
    assert comparison.emitted["active"] == 0
    assert comparison.emitted["inside"] == 0
