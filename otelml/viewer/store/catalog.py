"""Small tables that many rows refer to, with their ids kept in memory."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b

from otelml.viewer.records import Origin

_KEPT = 50_000


class Catalog:
    """Ids of resources and scopes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._resources: dict[bytes, int] = {}
        self._scopes: dict[bytes, int] = {}

    def resource(self, origin: Origin) -> int:
        """Return the id of the sender's resource."""
        found = self._resources.get(origin.resource)
        if found is None:
            found = self._upsert(
                "INSERT INTO resources(key, raw, service, instance) VALUES(?,?,?,?)"
                " ON CONFLICT(key) DO UPDATE SET service=service RETURNING id",
                (_digest(origin.resource), origin.resource, origin.service, origin.instance),
            )
            self._remember(self._resources, origin.resource, found)
        return found

    def scope(self, origin: Origin) -> int:
        """Return the id of the instrumentation scope."""
        found = self._scopes.get(origin.scope)
        if found is None:
            found = self._upsert(
                "INSERT INTO scopes(key, raw) VALUES(?,?)"
                " ON CONFLICT(key) DO UPDATE SET raw=raw RETURNING id",
                (_digest(origin.scope), origin.scope),
            )
            self._remember(self._scopes, origin.scope, found)
        return found

    def forget(self) -> None:
        """Drop what may not have been committed."""
        self._resources.clear()
        self._scopes.clear()

    def _upsert(self, sql: str, row: tuple[object, ...]) -> int:
        (found,) = self._connection.execute(sql, row).fetchone()
        return int(found)

    @staticmethod
    def _remember(kept: dict[bytes, int], key: bytes, value: int) -> None:
        if len(kept) >= _KEPT:
            kept.clear()
        kept[key] = value


def _digest(raw: bytes) -> bytes:
    return blake2b(raw, digest_size=16).digest()
