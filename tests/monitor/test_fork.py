"""A forked child watches on its own, from zero."""

from __future__ import annotations

import pytest

from tests._processes import run

_PROGRAM = """
import os, sys, time
import numpy as np
import otelml
from otelml._startup import running
from otelml.reference import Reference

def counted():
    running().force_flush(5)
    (watch,) = running()._pipeline.monitor.watches()
    running().check_drift()
    return int(watch.totals["f0"].sum()), watch.source

rng = np.random.default_rng(0)
reference = Reference.from_data(rng.normal(size=(1000, 1)), feature_names=["f0"])
otelml.init("test", model="loan", reference=reference, system=False, instrument="none",
            traces=False, metrics=False, logs=False)

def predict(rows):
    with otelml.prediction(features=rng.normal(size=(rows, 1))):
        pass

predict(70)
assert counted() == (70, "given"), counted()
child = os.fork()
if not child:
    ok = counted() == (0, "given")
    predict(60)
    ok = ok and counted() == (60, "given")
    reports = running().check_drift()
    os._exit(0 if ok and reports else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
predict(5)
print(counted()[0])
"""


@pytest.mark.slow
def test_a_forked_child_counts_from_zero_and_goes_on():
    """The child has the reference, none of the parent's rows, and a monitor that works."""
    none = dict.fromkeys(
        ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"
    )
    code, out, err = run(_PROGRAM, **none)
    assert (code, out) == (0, "0\n75\n"), err
