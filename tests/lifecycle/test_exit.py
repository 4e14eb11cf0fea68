"""Flushing when the process ends, and the exit code it would have had."""

from __future__ import annotations

import signal
import time

import pytest

from tests._otlp_server import OtlpServer
from tests._processes import run, start

_START = """
import os, signal, sys, threading, time
from otelml._startup.lifecycle import Lifecycle
from otelml._providers import configure_providers, create_providers
from otelml.config import Config
p = create_providers(Config())
configure_providers(p)
tracer = p.tracer_provider.get_tracer("t")
budget_s = float(os.environ.get("BUDGET", "5"))
lifecycle = Lifecycle(p.flush, p.after_fork, budget_s, stop=p.shutdown)
def span(name):
    tracer.start_span(name).end()
def ready():
    print("ready", flush=True)
def wait():
    # In steps: a signal just before a sleep is handled only after it.
    for _ in range(1200):
        time.sleep(0.05)
"""


@pytest.fixture
def server():
    with OtlpServer() as one:
        yield one


def _terminated(program, server, signals=(signal.SIGTERM,), **variables):
    """Start a program, send it signals when it is ready, return exit code, output, errors."""
    process = start(_START + program, **server.environment(), **variables)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for turn, number in enumerate(signals):
        if turn:
            time.sleep(0.2)  # the signal before must be under way
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise KeyboardInterrupt"])
def test_exit_flushes_and_keeps_its_code(server, end):
    """Spans are sent at exit; the exit code is that of the program without telemetry."""
    code, _, _ = run(_START + f"lifecycle.install()\nspan('one')\n{end}", **server.environment())
    assert code == run(f"import sys\n{end}")[0]
    assert server.span_names() == ["one"]


def test_exit_after_an_error(server):
    """An error that ends the program is reported as ever, after the flush."""
    code, _, err = run(
        _START + "lifecycle.install()\nspan('one')\nraise ValueError('theirs')",
        **server.environment(),
    )
    assert code == 1
    assert err.endswith("ValueError: theirs\n")
    assert server.span_names() == ["one"]


def test_default_sigterm(server):
    """SIGTERM flushes, and the process is seen to have died of it."""
    code, out, err = _terminated("lifecycle.install(); span('one'); ready(); wait()", server)
    assert (code, out, err) == (-signal.SIGTERM, "", "")
    assert server.span_names() == ["one"]


def test_sigterm_while_the_main_thread_waits(server):
    """It works while the main thread waits for another thread, as servers do."""
    code, _, _ = _terminated(
        """
lifecycle.install()
span('one')
thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
thread.start()
ready()
thread.join()
""",
        server,
    )
    assert code == -signal.SIGTERM
    assert server.span_names() == ["one"]


def test_handler_that_exits(server):
    """The previous handler runs after the flush, and its exit code stands."""
    code, out, _ = _terminated(
        """
def handler(number, frame):
    print("theirs", number)
    span("in the handler")
    sys.exit(7)
signal.signal(signal.SIGTERM, handler)
lifecycle.install()
span('one')
ready()
wait()
""",
        server,
    )
    assert (code, out) == (7, "theirs 15\n")
    assert server.span_names() == ["one", "in the handler"]


def test_handler_that_leaves_at_once(server):
    """What had ended is sent even where the previous handler leaves by ``os._exit``."""
    code, _, _ = _terminated(
        """
signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
lifecycle.install()
span('one')
ready()
wait()
""",
        server,
    )
    assert code == 9
    assert server.span_names() == ["one"]


def test_graceful_handler(server):
    """A handler that lets the program finish its work loses none of that work's spans."""
    code, _, _ = _terminated(
        """
going = []
signal.signal(signal.SIGTERM, lambda *_: going.append(1))
lifecycle.install()
span('before')
ready()
while not going:
    time.sleep(0.01)
span('after')
""",
        server,
    )
    assert code == 0
    assert server.span_names() == ["before", "after"]


def test_handler_installed_after_ours(server):
    """Where the application replaces our handler, as gunicorn does, the exit flushes."""
    code, _, _ = _terminated(
        """
lifecycle.install()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
span('one')
ready()
wait()
""",
        server,
    )
    assert code == 5
    assert server.span_names() == ["one"]


def test_ignored_sigterm_stays_ignored(server):
    """A program that ignores SIGTERM goes on."""
    code, out, _ = _terminated(
        """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
lifecycle.install()
ready()
time.sleep(0.5)
print("went on")
""",
        server,
    )
    assert (code, out) == (0, "went on\n")


def test_install_outside_the_main_thread(server):
    """Installed elsewhere, SIGTERM is left alone and the exit flushes."""
    code, out, _ = run(
        _START
        + """
thread = threading.Thread(target=lifecycle.install)
thread.start()
thread.join()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
span('one')
""",
        **server.environment(),
    )
    assert (code, out) == (0, "True\n")
    assert server.span_names() == ["one"]


def test_uninstall_gives_everything_back(server):
    """After uninstall the previous handler is in place and the exit flushes nothing."""
    code, out, _ = run(
        _START
        + """
def handler(*_): pass
signal.signal(signal.SIGTERM, handler)
lifecycle.install()
lifecycle.install()
lifecycle.uninstall()
lifecycle.uninstall()
print(signal.getsignal(signal.SIGTERM) is handler)
span('one')
""",
        **server.environment(),
    )
    assert (code, out) == (0, "True\n")
    assert server.spans == []


@pytest.mark.parametrize("mode", ["hang", "close", 503])
def test_exit_keeps_its_budget(server, mode):
    """An endpoint that does not take anything holds the exit no longer than the budget."""
    server.mode = mode
    started = time.monotonic()
    code, _, _ = run(
        _START + "lifecycle.install(); span('one')", BUDGET="0.5", **server.environment()
    )
    assert code == 0
    assert time.monotonic() - started < 20


def test_sigterm_keeps_its_budget(server):
    """So it is with SIGTERM, and the status is the signal's."""
    server.mode = "hang"
    code, _, _ = _terminated(
        "lifecycle.install(); span('one'); ready(); wait()", server, BUDGET="0.5"
    )
    assert code == -signal.SIGTERM


def test_second_sigterm_is_obeyed_at_once(server):
    """A second signal during the flush ends the process then and there."""
    server.mode = "hang"
    started = time.monotonic()
    code, _, _ = _terminated(
        "lifecycle.install(); span('one'); ready(); wait()",
        server,
        signals=(signal.SIGTERM, signal.SIGTERM),
        BUDGET="50",
    )
    assert code == -signal.SIGTERM
    assert time.monotonic() - started < 30


def test_flush_that_needs_a_lock_of_the_interrupted_thread(server):
    """A lock held by the main thread when the signal comes costs the budget, not the process."""
    code, _, _ = _terminated(
        """
lock = threading.Lock()
def flush(deadline):
    with lock:
        pass
lifecycle = Lifecycle(flush, p.after_fork, 0.3)
lifecycle.install()
with lock:
    ready()
    wait()
""",
        server,
    )
    assert code == -signal.SIGTERM


def test_flush_that_raises(server):
    """An error in the flush changes nothing about the end."""
    code, _, _ = _terminated(
        """
lifecycle = Lifecycle(lambda deadline: 1 / 0, p.after_fork, 1.0)
lifecycle.install()
ready()
wait()
""",
        server,
    )
    assert code == -signal.SIGTERM


def test_sigterm_under_load_loses_nothing(server):
    """Every span that had ended before the signal arrives, once."""
    process = start(
        _START
        + """
lifecycle.install()
ready()
for number in range(10_000_000):
    span(str(number))
    if number % 50 == 0:
        print(number, flush=True)
        time.sleep(0.001)
""",
        **server.environment(),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "3000":
            break
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    last = int(out.split()[-1]) if out.split() else 3000
    got = [int(name) for name in server.span_names()]
    assert process.returncode == -signal.SIGTERM
    assert len(got) == len(set(got))
    assert sorted(got)[: last + 1] == list(range(last + 1))


def test_predecessor_is_called_whatever_the_flush_does(server):
    """Even an exit request out of the flush, or no thread to flush on, leaves their handler its turn."""
    code, out, _ = _terminated(
        """
from otelml import _threads
class Unstartable(_threads.Thread):
    def start(self):
        raise SystemExit(99)
_threads.Thread = Unstartable
signal.signal(signal.SIGTERM, lambda number, frame: (print("theirs"), os._exit(7)))
sys.stdout.reconfigure(line_buffering=True)
lifecycle.install()
ready()
wait()
""",
        server,
    )
    assert (code, out) == (7, "theirs\n")
