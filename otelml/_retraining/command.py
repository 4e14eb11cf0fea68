"""The command: a program that retrains, run without a shell and ended in time."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from otelml import _threads
from otelml import environment_variables as env
from otelml._retraining.history import Trigger
from otelml._retraining.webhook import Outcome
from otelml._shown import cause_of, scrubbed

if TYPE_CHECKING:
    from otelml._retraining_options import RetrainingOptions

_SECRETS: Final = (env.OTELML_SECRET, env.OTELML_ADMIN_TOKEN, env.OTELML_RETRAINING_SECRET)
_TICK_S: Final = 0.05
_GRACE_S: Final = 5.0
_TAIL: Final = 500


def run(options: RetrainingOptions, trigger: Trigger, stop: _threads.Event) -> Outcome:
    """Run the command and wait for its end; nothing of ours lies on its standard output.

    Args:
        options: The command, and how long it may take.
        trigger: What to tell, in its environment.
        stop: Ends the waiting, and the command.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    environment[env.OTELML_RETRAINING_ID] = trigger.id
    environment[env.OTELML_RETRAINING_BODY] = trigger.body
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command
                options.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Outcome(False, f"the command cannot be run: {cause_of(error)}")
        ended = _wait(process, options.command_timeout_s, stop)
        if not ended:
            _kill(process)
        said = _tail(errors)
    if stop.is_set() and not ended:
        return Outcome(False, "the service ended before the command did")
    if not ended:
        return Outcome(False, f"killed after {options.command_timeout_s:g} s{said}")
    code = process.returncode
    return Outcome(code == 0, f"exit code {code}{said if code else ''}")


def _wait(process: subprocess.Popen[bytes], timeout_s: float, stop: _threads.Event) -> bool:
    """Return whether the process ended in time."""
    waited = 0.0
    while process.poll() is None:
        if waited >= timeout_s or stop.wait(_TICK_S):
            return process.poll() is not None
        waited += _TICK_S
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process, and those that it has started."""
    _signal(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(OSError):  # all of them have ended
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _tail(errors: Any) -> str:
    """Return the end of what a command wrote to its standard error."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL))
    text = errors.read().decode("utf-8", "replace").strip()
    return f": {scrubbed(text)}" if text else ""
