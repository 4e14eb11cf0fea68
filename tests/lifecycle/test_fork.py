"""Forked children: plain, of multiprocessing, of a pool."""

from __future__ import annotations

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run
from tests.lifecycle.test_exit import _START


@pytest.fixture
def server():
    with OtlpServer() as one:
        yield one


def _instances(server, count):
    return len({r["service.instance.id"] for r in server.resources}) == count


@pytest.mark.parametrize("end", ["sys.exit(4)", "os._exit(4)"])
def test_plain_fork(server, end):
    """Each process sends its own spans, once; a child's exit code is its own."""
    code, out, err = run(
        _START
        + f"""
lifecycle.install()
span("before")
child = os.fork()
if not child:
    span("child")
    if "_exit" in {end!r}:
        p.flush(time.monotonic() + 10)
    {end}
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
span("after")
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "4\n", "")
    assert sorted(server.span_names()) == ["after", "before", "child"]
    assert _instances(server, 2)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(server, method, tmp_path):
    """A child of multiprocessing flushes although it leaves by ``os._exit``."""
    program = tmp_path / "program.py"
    program.write_text(
        _START.replace("p = create", "if True:\n    p = create", 1)
        + """
import multiprocessing
lifecycle.install()
def work(number):
    span(f"child {number}")
    sys.exit(number)
if __name__ == "__main__":
    span("before")
    context = multiprocessing.get_context(sys.argv[1])
    children = [context.Process(target=work, args=(n,)) for n in (1, 2)]
    for child in children: child.start()
    for child in children: child.join()
    print([child.exitcode for child in children])
"""
    )
    code, out, err = run(
        f"""
import sys, runpy, subprocess
sys.exit(subprocess.run([sys.executable, {str(program)!r}, {method!r}]).returncode)
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "[1, 2]\n", "")
    assert sorted(server.span_names()) == ["before", "child 1", "child 2"]
    assert len({r["service.instance.id"] for r in server.resources if r}) == 3


def test_process_pool(server):
    """The workers of a pool send what they did."""
    code, out, err = run(
        _START
        + """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
lifecycle.install()
with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
    list(pool.map(span, ["a", "b", "c", "d"]))
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "", "")
    assert sorted(server.span_names()) == ["a", "b", "c", "d"]


def test_child_without_a_measurement(server):
    """A child that did nothing sends nothing, so a pool does not make a series a process."""
    code, out, err = run(
        _START
        + """
import multiprocessing
lifecycle.install()
p.meter_provider.get_meter("m").create_observable_gauge("g")
p.meter_provider.get_meter("m").create_counter("c").add(1)
children = [multiprocessing.get_context("fork").Process(target=int) for _ in range(3)]
for child in children: child.start()
for child in children: child.join()
print([child.exitcode for child in children])
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "[0, 0, 0]\n", "")
    assert [point.as_int for point in server.points("c")] == [1]
    assert _instances(server, 1)


def test_sigterm_in_a_child(server):
    """A child that gets SIGTERM flushes and dies of it; the parent goes on."""
    code, out, err = run(
        _START
        + """
lifecycle.install()
child = os.fork()
if not child:
    span("child")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
span("parent")
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "-15\n", "")
    assert sorted(server.span_names()) == ["child", "parent"]


def test_fork_under_load(server):
    """Forking while threads emit neither hangs a child nor sends a span twice."""
    code, out, err = run(
        _START
        + """
lifecycle.install()
stop = []
def load(n):
    i = 0
    while not stop:
        span(f"{n}-{i}")
        p.meter_provider.get_meter("m").create_counter("c").add(1)
        i += 1
        time.sleep(0.0005)
threads = [threading.Thread(target=load, args=(n,)) for n in range(3)]
for t in threads: t.start()
for n in range(5):
    time.sleep(0.05)
    child = os.fork()
    if not child:
        span(f"child {n}")
        p.meter_provider.get_meter("m").create_counter("c").add(1)
        ok = p.shutdown(time.monotonic() + 10)
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0, n
stop.append(1)
for t in threads: t.join()
""",
        **server.environment(),
    )
    assert (code, out, err) == (0, "", "")
    names = server.span_names()
    assert len(names) == len(set(names))
    assert {f"child {n}" for n in range(5)} <= set(names)
