"""A fork that runs no hook of Python's is noticed at the next record."""

from __future__ import annotations

import sys

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run

_FORK_IN_C = """
import ctypes, os, time
import otelml
from otelml import _threads
parent = os.getpid()
_threads.hold_while(lambda: os.getpid() == parent)
{init}
# As inside uWSGI: threads that wait for the interpreter's lock during such a fork break the child.
fork = ctypes.PyDLL(None).fork  # with the lock of the interpreter held, as a server's C code does

def predict(count):
    for _ in range(count):
        with otelml.prediction("loan") as prediction:
            prediction.set_result(label="yes", confidence=0.9)

predict(1)
children = []
for _ in range(2):
    child = fork()
    if not child:
        predict(3)
        ok = otelml.shutdown(20)
        os._exit(0 if ok else 1)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
otelml.shutdown(20)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_fork_in_c():
    """Each child sends its own predictions, once, under an instance id of its own."""
    with OtlpServer() as server:
        init = 'otelml.init("shop", instrument="none", system=False)'
        code, out, err = run(_FORK_IN_C.format(init=init), **server.environment())
        assert (code, out) == (0, "[0, 0]\n"), err
        assert server.span_names().count("predict loan") == 7
        assert sum(p.as_int for p in server.points("ml.predictions")) == 7
        assert len({r["service.instance.id"] for r in server.resources}) == 3
