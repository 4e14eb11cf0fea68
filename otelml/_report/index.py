"""A list of reports as one HTML page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otelml._report.page import fill
from otelml._version import __version__

_SHOWN = 5


@dataclass(frozen=True)
class _Row:
    link: str
    when: str
    model: str
    rows: str
    kind: str
    drifted: str
    state: str


def render_list(reports: Sequence[Mapping[str, Any]], links: Sequence[str]) -> str:
    """Return a list of reports as one HTML page, in the order given.

    Args:
        reports: Of each ``at`` (seconds since 1970), ``model``, ``version``, ``rows``, ``manual``,
            ``drifted`` (names), ``learning`` and ``counted``.
        links: Where each is.

    Raises:
        MissingDependencyError: The extra ``report`` is not installed.
    """
    rows = [_row(one, link) for one, link in zip(reports, links, strict=True)]
    return fill("list.html.j2", {"rows": rows, "version": __version__})


def _row(one: Mapping[str, Any], link: str) -> _Row:
    when = dt.datetime.fromtimestamp(one["at"], dt.timezone.utc)
    names = [str(name) for name in one["drifted"]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    state = "a look at few rows" if not one["counted"] else "learning" if one["learning"] else ""
    return _Row(
        link=link,
        when=when.strftime("%Y-%m-%d %H:%M:%S UTC"),
        model=f"{one['model']} {one['version']}".strip(),
        rows=f"{one['rows']:,}",
        kind="on request" if one["manual"] else "scheduled",
        drifted=", ".join(names[:_SHOWN]) + more,
        state=state,
    )
