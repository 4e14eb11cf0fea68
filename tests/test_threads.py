"""Threads and locks that are real, whatever gevent has put in their place."""

from __future__ import annotations

import pytest

from tests._processes import run

_PATCH = "import gevent.monkey; gevent.monkey.patch_all()"
_PROGRAM = """
{before}
from otelml import _threads
{after}
import gevent, threading, time
hub = _threads.get_ident()
seen = []
done = _threads.Event()
def work():
    seen.append(_threads.get_ident() != hub)
    seen.append(threading.current_thread().name)
    _threads.sleep(0.2)
    done.set()
thread = _threads.Thread(work, name="ours")
thread.start()
ticks = []
while not done.is_set():
    gevent.sleep(0.01)
    ticks.append(1)
thread.join(5)
print(seen, thread.is_alive(), len(ticks) > 3, "ours" in [t.name for t in threading.enumerate()])
"""


@pytest.mark.parametrize("when", ["before", "after", "never"])
def test_thread_is_no_greenlet(when):
    """A thread of ours leaves the loop free, be it patched before, after or never."""
    places = {"before": "", "after": "", when: _PATCH}
    code, out, err = run(_PROGRAM.format(before=places["before"], after=places["after"]))
    assert (code, out, err) == (0, "[True, 'ours'] False True False\n", "")


def test_event_wakes_all_who_wait():
    """An event that is set lets everyone go on, until it is cleared."""
    code, out, _ = run(
        """
from otelml._threads import Event, Thread
event, woken = Event(), []
threads = [Thread(lambda: woken.append(event.wait(10)), name="t") for _ in range(5)]
for t in threads: t.start()
event.set()
for t in threads: t.join(10)
event.clear()
print(woken, event.is_set(), event.wait(0.01))
"""
    )
    assert (code, out) == (0, "[True, True, True, True, True] False False\n")
