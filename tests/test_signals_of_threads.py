"""Threads of ours take no signals: those are for the threads of the service."""

from __future__ import annotations

import signal

import pytest

from otelml import _threads

OURS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD}
LEFT = {signal.SIGSEGV, signal.SIGABRT, signal.SIGPROF}


def held():
    """Return the signals that this thread holds."""
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_thread_takes_none_of_the_service():
    """A server that waits is interrupted by its signal; a crash stays a crash."""
    before, seen = held(), []
    thread = _threads.Thread(lambda: seen.append(held()), name="one")
    thread.start()
    thread.join(5)
    assert seen[0] >= OURS
    assert not seen[0] & LEFT
    assert held() == before


def test_a_handler_that_raises_leaves_nothing_held(monkeypatch):
    """CPython runs handlers inside the call that holds them."""
    block = signal.pthread_sigmask

    def raises(how, mask):
        found = block(how, mask)
        if how == signal.SIG_BLOCK and mask:
            raise KeyboardInterrupt
        return found

    before = held()
    monkeypatch.setattr(signal, "pthread_sigmask", raises)
    with pytest.raises(KeyboardInterrupt):
        _threads.Thread(lambda: None, name="two").start()
    monkeypatch.undo()
    assert held() == before
