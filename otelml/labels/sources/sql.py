"""Labels that a query returns, from a watermark on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from otelml._label_options import SqlLabels, expanded
from otelml._shown import scrubbed
from otelml.exceptions import ConfigurationError, LabelSourceError, MissingDependencyError
from otelml.labels.connection import whole
from otelml.labels.schema import exc, sa
from otelml.labels.sources.batch import Batch, Row, Seen, Stop, Unreadable, row_of
from otelml.labels.sources.watermark import earlier, packed, unpacked

_MOST_ROWS = 1_000_000


class SqlReader:
    """Reads a query page by page, in the order of its watermark.

    Each look begins a little before the last watermark, so that rows which are committed late are
    read too; those that were read before are known by their content. Rows with the same watermark
    are read together, however many there are.

    Args:
        options: The source.

    Raises:
        ConfigurationError: The URL is wrong, or a variable is missing.
        MissingDependencyError: The driver is not installed.
    """

    is_shared = False

    def __init__(self, options: SqlLabels) -> None:
        self._options = options
        self._url = url = expanded(options.url, "SqlLabels.url")
        try:
            self._engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
        except (exc.ArgumentError, ValueError, TypeError):
            raise ConfigurationError(
                "SqlLabels.url must be a URL such as postgresql://user@host/database"
            ) from None
        except ImportError as error:
            raise MissingDependencyError("this database of labels", "postgresql") from error

    def read(self, position_of: Callable[[str], Any], stop: Stop) -> Iterator[Batch]:  # noqa: ARG002 - each page is bounded in time
        """Yield what is new."""
        kept = position_of("") or {}
        last = unpacked(kept.get("watermark"))
        seen = Seen(kept.get("seen", ()))
        overlap_s = self._options.overlap_s
        since, limit = earlier(last, overlap_s), self._options.rows
        while True:
            page = self._page(since, limit)
            rows = [row for row in page if seen.is_new(row, row[self._options.watermark])]
            is_last = len(page) < limit
            following = page[-1][self._options.watermark] if page else since
            if following is not None:
                last = following if last is None or following > last else last
            again = seen.kept(earlier(last, overlap_s), is_last=is_last)
            position = {"watermark": packed(last), "seen": again}
            if rows or is_last:
                yield Batch("", [self._row(row) for row in rows], position, is_last)
            if is_last:
                return
            if following == since and limit >= _MOST_ROWS:
                raise LabelSourceError(
                    f"more than {_MOST_ROWS:,} rows have the same watermark",
                    "watermark",
                )
            # Rows of one watermark are not torn apart: what stands between two pages would be lost.
            limit = min(2 * limit, _MOST_ROWS) if following == since else self._options.rows
            since = following

    def _row(self, row: Mapping[str, Any]) -> Row | Unreadable:
        found = row_of(row, self._options.fields or {})
        mark = row[self._options.watermark]
        if isinstance(found, Unreadable) or "timestamp" in found or not isinstance(mark, datetime):
            return found
        return {**found, "timestamp": mark}

    def _page(self, since: Any, limit: int) -> Sequence[Mapping[str, Any]]:
        name = self._options.watermark
        query = sa.text(self._options.query.strip().rstrip(";"))
        rows = query.columns(sa.column(name)).subquery("labels")
        mark = rows.c[name]
        wanted: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(rows)
        wanted = wanted.where(mark.is_not(None) if since is None else mark >= since)
        try:
            with whole(self._engine), self._engine.connect() as connection:
                found = connection.execute(wanted.order_by(mark).limit(limit)).mappings().all()
        except exc.SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            kind = type(cause).__name__
            # The driver's words may hold values of the query's, and of the address's options.
            said = scrubbed(f"{kind}: {cause}", [self._url])
            raise LabelSourceError(f"the query failed: {said}"[:300], kind) from None
        if found and name not in found[0]:
            raise LabelSourceError(
                "the query has no column of the watermark, SqlLabels.watermark", "watermark"
            )
        return [dict(row) for row in found]

    def kept(self, batch: Batch) -> None:
        """Nothing: the position is in the store."""

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()
