"""A comparison as one HTML page: what drifted, how sure that is, where to look first."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otelml._report import view
from otelml._report.history import History
from otelml._report.verdict import Verdict
from otelml._version import __version__
from otelml.drift import DriftResult
from otelml.exceptions import MissingDependencyError, OtelmlError


class ReportError(OtelmlError, OSError):
    """A report cannot be written where it should go."""


def render(
    result: DriftResult,
    *,
    title: str = "Drift report",
    digest: str = "",
    made_at: dt.datetime | None = None,
    history: History | None = None,
    verdict: Verdict | None = None,
) -> str:
    """Return a comparison as one HTML page: no other file, no script, nothing from a network.

    Args:
        result: What ``otelml.drift.compare`` found.
        title: The heading; any text.
        digest: The reference's.
        made_at: When the window ended; now, unsaid.
        history: Evidence of the windows before.
        verdict: How it was decided, where not by the p-values of this window alone.

    Raises:
        MissingDependencyError: The extra ``report`` is not installed.
    """
    when = made_at or dt.datetime.now(dt.timezone.utc)
    context: dict[str, Any] = {
        "title": title,
        "digest": digest,
        "version": __version__,
        "made_at": when.astimezone(dt.timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "result": result,
        "summary": view.summary(result),
        "features": view.features(result, history or History()),
        "statistics": view.STATISTICS,
        "verdict": verdict,
        "notes": verdict.notes if verdict is not None else {},
    }
    return fill("page.html.j2", context)


def fill(template: str, context: Mapping[str, Any]) -> str:
    """Return a template of this room, filled; every text in it escaped.

    Raises:
        MissingDependencyError: The extra ``report`` is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingDependencyError("an HTML report", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(context)


def write(path: str | Path, page: str) -> None:
    """Write a page at once and whole: a reader never finds half of one.

    Raises:
        ReportError: It cannot be written there.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise ReportError(f"cannot write {target}: {error.strerror}") from error
    made = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(page)
        made.chmod(0o644)
        made.replace(target)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise ReportError(f"cannot write {target}: {error.strerror}") from error
