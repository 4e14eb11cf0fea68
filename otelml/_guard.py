"""The one place that catches everything: telemetry never breaks the service it watches.

Errors are counted by component, and the first of each component is logged.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from otelml import _threads
from otelml._shown import scrubbed

_R = TypeVar("_R")

_logger = logging.getLogger("otelml")
_lock = _threads.RLock()  # a signal handler may report while its thread reports
errors: Counter[str] = Counter()
last_error: dict[str, str] = {}


class SecretInErrorError(Exception):
    """Stands in a log for an error whose own text, or that of its causes, has a secret in it."""


def report(component: str, error: BaseException, *, expected: bool = False) -> None:
    """Count an error of ``component`` and log the first one; an ``expected`` one in one line."""
    text = scrubbed(quietly(str, error) or "")  # a hostile __str__ is an error of the application's
    with _lock:
        errors[component] += 1
        first = errors[component] == 1
        last_error[component] = f"{type(error).__name__}: {text}"
    if first and expected:
        _logger.warning(
            "otelml: %s; the service is not affected, and further errors are only counted in "
            "otelml.errors",
            text,
        )
    elif first:
        _logger.warning(
            "otelml: an error in %s was kept away from the service; further ones are counted in "
            "otelml.errors",
            component,
            exc_info=_safe(error),
        )


def _traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _safe(error: BaseException) -> BaseException:
    """Return an error whose traceback may be logged: where it repeats a secret, one without it."""
    told = quietly(_traceback_of, error, default="")
    said = scrubbed(told)
    if said == told:
        return error
    return SecretInErrorError(f"{type(error).__name__}, without the secrets that it had\n{said}")


@contextmanager
def guarded(component: str) -> Generator[None]:
    """Keep any error of the block away from its caller."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the purpose of this module
        report(component, error)


def call(component: str, function: Callable[..., _R], *args: object, **kwargs: object) -> _R | None:
    """Call ``function``; return None where it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the purpose of this module
        report(component, error)
        return None


def attempt(function: Callable[..., _R], *args: object) -> tuple[_R | None, BaseException | None]:
    """Call ``function``, code of the application's; return what it returns and what it raises."""
    try:
        return function(*args), None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the purpose of this module
        return None, error


def contain(component: str, function: Callable[..., _R], *args: object) -> _R | None:
    """Call ``function`` on a thread of ours: not even an exit request of its may end the thread."""
    try:
        return function(*args)
    except BaseException as error:  # noqa: BLE001 - the purpose of this module
        report(component, error)
        return None


@overload
def quietly(function: Callable[..., _R], *args: Any) -> _R | None: ...


@overload
def quietly(function: Callable[..., _R], *args: Any, default: _R) -> _R: ...


def quietly(function: Callable[..., Any], *args: Any, default: Any = None) -> Any:
    """Call ``function``, code of the application's; return ``default``, uncounted, if it raises."""
    try:
        return function(*args)
    except Exception:  # noqa: BLE001 - the purpose of this module
        return default
