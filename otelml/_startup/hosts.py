"""Servers and job runners that fork or leave without Python's hooks, and their own instead."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

import wrapt

from otelml import _guard, _process, _threads
from otelml._state import ProcessState

if TYPE_CHECKING:
    from collections.abc import Callable

_UWSGI = "uwsgi"

_logger = logging.getLogger("otelml")


def hold_threads() -> None:
    """Start no thread in the master of uWSGI, whose forks run none of Python's hooks.

    Says so where uWSGI runs no threads at all, as it does unless told to: nothing would be sent
    before the process ends.
    """
    uwsgi: Any = _uwsgi()
    if uwsgi is None:
        return
    _threads.hold_while(lambda: bool(uwsgi.masterpid()) and uwsgi.worker_id() == 0)
    # Where each worker loads the application, the first speaks for all.
    if not getattr(uwsgi, "has_threads", True) and uwsgi.worker_id() <= 1:
        _logger.warning(
            "otelml: uWSGI runs no threads, and telemetry is sent by one; "
            "add `enable-threads = true` to its configuration, or --enable-threads to its command"
        )


def _uwsgi() -> Any:
    """Return the module that exists inside uWSGI alone; None elsewhere."""
    if _UWSGI in sys.modules or _UWSGI in sys.builtin_module_names:
        module = importlib.import_module(_UWSGI)
        return module if hasattr(module, "masterpid") else None
    return None


def on_fork(renew: Callable[[], object]) -> None:
    """Have ``renew`` called in each worker that uWSGI forks.

    Args:
        renew: Makes telemetry the process's own.
    """
    uwsgi: Any = _uwsgi()
    if uwsgi is not None:
        _guard.call(_UWSGI, _chain_post_fork, uwsgi, renew)


def _chain_post_fork(uwsgi: Any, renew: Callable[[], object]) -> None:
    previous = getattr(uwsgi, "post_fork_hook", None)

    def post_fork() -> None:
        _guard.call("fork", renew)
        if previous is not None:
            previous()

    uwsgi.post_fork_hook = post_fork


def on_exit(stop: Callable[[], object]) -> None:
    """Have ``stop`` called before a child of Celery's pool leaves by ``os._exit``.

    Args:
        stop: Sends everything, as the process ends.
    """
    signals: Any = sys.modules.get("celery.signals")
    if signals is not None:
        _guard.call("celery", _connect, signals.worker_process_shutdown, stop)


def on_job_end(flush: Callable[[], object]) -> None:
    """Have ``flush`` called after the job of RQ's forked child, which leaves by ``os._exit``.

    Args:
        flush: Sends everything.
    """
    rq: Any = sys.modules.get("rq.worker")
    if rq is not None:
        _guard.call("rq", _flush_after_job, rq.Worker, flush)


_leave: ProcessState[Callable[[], object] | None] = ProcessState(None)
_awaits_reloader: ProcessState[bool] = ProcessState(False)


def on_reloader(leave: Callable[[], object]) -> None:
    """Have ``leave`` called in a process that only starts and restarts Werkzeug's server.

    The process that it starts says whose stdout it is, and serves.

    Args:
        leave: Ends telemetry, and sends nothing.
    """
    _leave.value = leave
    if not _awaits_reloader.exchange(True):  # such a hook stays for good
        wrapt.register_post_import_hook(_wrap_reloader, "werkzeug._reloader")


def _wrap_reloader(module: Any) -> None:
    run = module.run_with_reloader

    @wraps(run)
    def run_with_reloader(*args: Any, **kwargs: Any) -> Any:
        leave = _leave.exchange(None)
        if leave is not None and os.environ.get("WERKZEUG_RUN_MAIN") != "true":
            _guard.call("reloader", leave)
            _process.pass_stdout_on()
        return run(*args, **kwargs)

    module.run_with_reloader = run_with_reloader


def _connect(signal: Any, stop: Callable[[], object]) -> None:
    def shut_down(**_: object) -> None:
        stop()

    signal.disconnect(dispatch_uid="otelml")  # of an init before this one
    signal.connect(shut_down, weak=False, dispatch_uid="otelml")


def _flush_after_job(worker: Any, flush: Callable[[], object]) -> None:
    run = worker.perform_job

    @wraps(run)
    def perform_job(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return run(self, *args, **kwargs)
        finally:
            flush()

    worker.perform_job = perform_job
