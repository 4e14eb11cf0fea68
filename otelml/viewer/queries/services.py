"""Rate, errors and durations of each service and operation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from otelml.viewer.queries.model_row import FAILING
from otelml.viewer.queries.red_sums import Lines, Operation, find_operations, lines, totals
from otelml.viewer.queries.rollup_sums import resolution_of
from otelml.viewer.queries.window import NotFoundError, Slots, Window, window_of
from otelml.viewer.records import KINDS

# Operations whose sums are read slot by slot, the busiest first.
MAX_SHOWN = 200
_SPARKLINE = 30


def list_services(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/red."""
    window = window_of(params, connection)
    slots = window.slots(resolution_of(window))
    read = _Read(connection, window, slots, None)
    services = [read.service(name) for name in read.services]
    # Failing ones first; else by name, so that lines keep their place while numbers move.
    services.sort(key=lambda row: (row["error_ratio"] <= FAILING, row["name"]))
    return {
        "from": window.from_ms,
        "to": window.to_ms,
        "step": slots.step_s * 1000.0,
        "services": services,
        "operations": read.operations(),
        "total_operations": read.total,
    }


def get_service(connection: sqlite3.Connection, params: Mapping[str, str]) -> dict[str, Any]:
    """Answer GET /api/services/{name}.

    Raises:
        NotFoundError: No spans of the service are stored.
    """
    name = params["name"]
    window = window_of(params, connection)
    slots = window.slots(resolution_of(window))
    known = connection.execute("SELECT 1 FROM operations WHERE service=?", (name,)).fetchone()
    if known is None:
        raise NotFoundError(f"no spans of the service {name} are stored")
    read = _Read(connection, window, slots, name)
    found = read.lines_of(name)
    return {
        "from": window.from_ms,
        "to": window.to_ms,
        "step": slots.step_s * 1000.0,
        "time": slots.times_ms(),
        **read.service(name),
        "rate_line": [int(count) / slots.step_s for count in found.counts],
        "error_line": [int(count) / slots.step_s for count in found.errors],
        "quantile_lines": {
            label: found.quantile_line(q)
            for label, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        },
        "operations": read.operations(),
        "total_operations": read.total,
    }


class _Read:
    """What is read for an answer, once.

    Args:
        connection: A connection to the store.
        window: The time range.
        slots: Its slots.
        service: The one service asked for; None for all.
    """

    def __init__(
        self, connection: sqlite3.Connection, window: Window, slots: Slots, service: str | None
    ) -> None:
        self._window, self._slots = window, slots
        resolution = resolution_of(window)
        self._totals = totals(connection, slots, resolution)
        self._all = [
            each
            for each in find_operations(connection)
            if each.id in self._totals and service in {None, each.service}
        ]
        self._all.sort(key=lambda each: (-self._totals[each.id].spans, each.id))
        self._shown = self._all[:MAX_SHOWN]
        wanted = {each.id for each in self._shown} | {each.id for each in self._all if each.entry}
        self._lines = lines(connection, slots, resolution, sorted(wanted))
        self.total = len({_named(each) for each in self._all})

    @property
    def services(self) -> list[str]:
        """The services that sent spans in the range."""
        return list(dict.fromkeys(each.service for each in self._all))

    def lines_of(self, service: str) -> Lines:
        """Return the sums of what a service is asked to do; of all it does if that is none."""
        return self._merged(self._basis(service)[1])

    def service(self, name: str) -> dict[str, Any]:
        """Return the line of a service."""
        basis, chosen = self._basis(name)
        return {
            "name": name,
            # `entries`: requests, messages and own beginnings; `spans` where it has none of these.
            "basis": basis,
            **self._red(chosen),
        }

    def operations(self) -> list[dict[str, Any]]:
        """Return the lines of the busiest operations, one a service, name and kind.

        Those that got slower come first; else they stand by name, and so keep their place.
        """
        groups: dict[tuple[str, str, int, int], list[Operation]] = {}
        for each in self._shown:
            groups.setdefault(_named(each), []).append(each)
        found = [
            {
                "service": service,
                "name": None if other else name,
                "kind": KINDS[kind] if 0 <= kind < len(KINDS) else KINDS[0],
                "peers": sorted({each.peer for each in group if each.peer}),
                **self._red(group),
                "change": self._merged(group).change(self._slots),
            }
            for (service, name, kind, other), group in groups.items()
        ]
        return sorted(found, key=_place)

    def _basis(self, service: str) -> tuple[str, list[Operation]]:
        own = [each for each in self._all if each.service == service]
        entries = [each for each in own if each.entry]
        return ("entries", entries) if entries else ("spans", own)

    def _merged(self, operations: Iterable[Operation]) -> Lines:
        found = Lines(self._slots.count)
        for each in operations:
            if each.id in self._lines:
                found.merge(self._lines[each.id])
        return found

    def _red(self, operations: list[Operation]) -> dict[str, Any]:
        count = sum(self._totals[each.id].spans for each in operations)
        errors = sum(self._totals[each.id].errors for each in operations)
        found = self._merged(operations)
        p50, p95, p99 = found.quantiles_ms()
        return {
            "spans": count,
            "rate": count / (self._window.to_ms - self._window.from_ms) * 1000,
            "errors": errors,
            "error_ratio": errors / count if count else 0.0,
            "p50": p50,
            "p95": p95,
            "p99": p99,
            "sparkline": _thinned(found.counts.tolist()),
            "p95_line": found.quantile_line(0.95),
        }


def _place(row: dict[str, Any]) -> tuple[bool, str, str, str]:
    slower = row["change"] is not None and row["change"]["ratio"] > 1
    return not slower, row["service"], row["name"] or "", row["kind"]


def _named(operation: Operation) -> tuple[str, str, int, int]:
    return operation.service, operation.name, operation.kind, operation.other


def _thinned(values: list[int]) -> list[int]:
    """Return sums of neighbours, so many as a sparkline has."""
    step = max(1, -(-len(values) // _SPARKLINE))
    return [sum(values[at : at + step]) for at in range(0, len(values), step)]
