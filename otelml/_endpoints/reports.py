"""Reports of the drift monitor, as JSON and as pages."""

from __future__ import annotations

from otelml._endpoints.answer import Answer, RefusedError, Request, as_json, as_page, wants_page
from otelml._endpoints.monitor import watching
from otelml._monitor import LATEST, Archive
from otelml._report import render_list
from otelml._startup import reports_of
from otelml.exceptions import MissingDependencyError

_NONE = "there is no report yet; POST /monitor/trigger makes one"


def _archive() -> Archive:
    archive = reports_of(watching())
    if archive is None:
        raise RefusedError(503, "the drift monitor is turned off")
    return archive


def report(request: Request) -> Answer:
    """Return the last report of each model version; as a page, the newest of them."""
    telemetry, archive = watching(), _archive()
    model, version = request.query.get("model"), request.query.get("version")
    found = [
        one
        for one in telemetry.drift_reports()
        if model in (None, one["model"]) and version in (None, one["version"])
    ]
    if not found:
        raise RefusedError(404, _NONE)
    if wants_page(request):
        newest = max(found, key=lambda one: float(one["at"]))
        name = archive.latest_of(newest["model"], newest["version"])
        told = _page(request, archive, name, "reports/") if name is not None else None
        if told is not None:
            return told
    return as_json({"reports": found})


def listed(request: Request) -> Answer:
    """Return which reports there are, the newest first."""
    found = _archive().list()
    # Relative, so that they hold wherever this is mounted.
    folder = "" if request.path.endswith("/") else "reports/"
    if wants_page(request):
        try:
            return as_page(
                render_list(found, [f"{folder}{one['name']}?format=html" for one in found])
            )
        except MissingDependencyError as error:
            _refuse_if_said(request, error)
    root = request.path.rstrip("/")
    return as_json({"reports": [{**one, "url": f"{root}/{one['name']}"} for one in found]})


def named(request: Request) -> Answer:
    """Return one report; ``latest`` is the newest."""
    archive = _archive()
    query = request.query
    name: str | None = request.name
    if name == LATEST:
        name = archive.latest(query.get("model"), query.get("version"))
        if name is None:
            raise RefusedError(404, _NONE)
    told = _page(request, archive, name or "", "./") if wants_page(request) else None
    if told is not None:
        return told
    content = archive.content(name or "")
    if content is None:
        raise RefusedError(404, "there is no such report; GET /monitor/reports/ lists them")
    return as_json(content)


def _page(request: Request, archive: Archive, name: str, back: str) -> Answer | None:
    """Return a report's page; None where it cannot be made and JSON will do."""
    try:
        page = archive.page(name, back)
    except MissingDependencyError as error:
        _refuse_if_said(request, error)
        return None
    if page is None:
        raise RefusedError(404, "there is no such report; GET /monitor/reports/ lists them")
    return as_page(page)


def _refuse_if_said(request: Request, error: MissingDependencyError) -> None:
    """A browser that merely prefers HTML has JSON where there is no page."""
    if request.query.get("format") == "html":
        raise RefusedError(501, str(error)) from None
