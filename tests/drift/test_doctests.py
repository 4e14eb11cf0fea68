"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import otelml.drift
import otelml.quality
import otelml.reference

MODULES = [
    info.name
    for room in (otelml.drift, otelml.quality, otelml.reference)
    for info in pkgutil.iter_modules(room.__path__, room.__name__ + ".")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    """Each example prints what the docstring says."""
    assert doctest.testmod(importlib.import_module(name)).failed == 0
