"""What ``otelml doctor --app`` finds in the application's own process."""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otelml import _guard
from otelml._hints import hint
from otelml.cli._finding import Finding
from otelml.instrumentors.logging import is_otel_handler


def load(target: str) -> Finding:
    """Import the application as a server would: ``module`` or ``module:attribute``."""
    name, _, attribute = target.partition(":")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    before = dict(_guard.last_error)
    module, error = _guard.attempt(importlib.import_module, name)
    if error is not None:
        return Finding(
            "app", "fail", f"{name} cannot be imported: {_told(error)}", _mend(name, error)
        )
    if attribute and not hasattr(module, attribute):
        meant = hint(attribute, [key for key in vars(module) if not key.startswith("_")], "it has")
        return Finding("app", "fail", f"{name} has no {attribute}", meant)
    wrong = {k: v for k, v in _guard.last_error.items() if k not in before}
    if wrong:
        detail = "; ".join(f"{component}: {error}" for component, error in wrong.items())
        return Finding("app", "warn", f"otelml caught errors of its own: {detail}", "report them")
    return Finding("app", "ok", f"{name} is imported")


def _told(error: BaseException) -> str:
    """Return an error in one line, with the place in the application where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(Path(frame.filename))]
    at = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    if isinstance(error, SyntaxError):
        at = ""  # it says that itself
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{at}" if text else f"{type(error).__name__}{at}"


def _is_own(path: Path) -> bool:
    return Path.cwd() in path.parents and "site-packages" not in path.parts


def _mend(name: str, error: BaseException) -> str:
    missing = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and missing == name.partition(".")[0]:
        return f"call otelml doctor in the folder of {name}.py, or correct the name"
    if isinstance(error, ModuleNotFoundError):
        return f"install {missing} where otelml is installed"
    return f"correct it; python -c 'import {name}' shows the whole trace"


def check_log_handlers() -> Finding:
    """Say whether the root logger's handlers write or export a record twice."""
    handlers = logging.getLogger().handlers
    exporters = [h for h in handlers if is_otel_handler(h)]
    writers: dict[int, list[str]] = {}
    for handler in handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            stream: Any = handler.stream
            writers.setdefault(id(stream), []).append(type(handler).__name__)
    check = "log handlers"
    if len(exporters) > 1:
        detail = f"{len(exporters)} OpenTelemetry handlers on the root logger: records go out twice"
        return Finding(check, "fail", detail, "add one; otelml.init() needs none")
    doubled = [names for names in writers.values() if len(names) > 1]
    if doubled:
        detail = f"handlers on the root logger share a stream: {', '.join(doubled[0])}"
        return Finding(check, "warn", detail, "remove one of them")
    return Finding(check, "ok", f"{len(handlers)} on the root logger, none doubled")


def check_flask(target: str) -> Iterator[Finding]:
    """Say whether a Flask application is instrumented, and only once."""
    name, _, attribute = target.partition(":")
    app: Any = getattr(sys.modules.get(name), attribute or "app", None)
    if app is None or not hasattr(app, "wsgi_app"):
        return
    check = "flask app"
    instrumented = bool(getattr(app, "_is_instrumented_by_opentelemetry", False))
    if instrumented and _is_wsgi_middleware(app.wsgi_app):
        detail = "its server spans are made twice: by the Flask and by the WSGI instrumentation"
        yield Finding(check, "warn", detail, "remove OpenTelemetryMiddleware around wsgi_app")
    elif instrumented:
        yield Finding(check, "ok", "instrumented once")
    else:
        mend = "call otelml.init() in it, or start it with otelml run"
        yield Finding(check, "warn", "not instrumented in this process", mend)


def _is_wsgi_middleware(wsgi_app: Any) -> bool:
    return type(wsgi_app).__module__.startswith("opentelemetry.instrumentation.wsgi")
