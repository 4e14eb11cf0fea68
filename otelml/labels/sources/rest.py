"""Labels that an HTTP API returns as JSON, page by page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from otelml._bounded import TooMuchError, loads
from otelml._durations import seconds
from otelml._label_options import RestLabels, expanded
from otelml._shown import scrubbed, shown_key
from otelml._suppression import suppressed
from otelml.exceptions import LabelSourceError
from otelml.labels.sources.batch import Batch, Seen, Stop, at, digest_of, row_of
from otelml.labels.sources.watermark import earlier, packed, unpacked

_MAX_BYTES = 64 << 20
_MOST_OBJECTS = 1_000_000
_MOST_PARTS = 10_000_000
_BLOCK = 1 << 16
_LONGEST_WAIT_S = 3600.0
_MOST_PAGES = 100_000


class RestReader:
    """Reads an API by cursor, or since a watermark.

    Args:
        options: The source.

    Raises:
        ConfigurationError: A variable is missing.
    """

    is_shared = False

    def __init__(self, options: RestLabels) -> None:
        self._options = options
        self._url = expanded(options.url, "RestLabels.url")
        headers = {"Accept": "application/json"}
        if options.token:
            headers["Authorization"] = f"Bearer {expanded(options.token, 'RestLabels.token')}"
        for name, value in (options.headers or {}).items():
            headers[name] = expanded(value, f"RestLabels.headers[{shown_key(name)}]")
        self._session = requests.Session()
        self._session.trust_env = False  # no other token from a .netrc
        self._session.proxies = requests.utils.get_environ_proxies(self._url)
        self._session.headers.update(headers)

    def read(self, position_of: Callable[[str], Any], stop: Stop) -> Iterator[Batch]:  # noqa: ARG002 - each page is bounded in time
        """Yield what is new."""
        kept = position_of("") or {}
        return self._by_cursor(kept) if self._options.cursor else self._since(kept)

    def _by_cursor(self, kept: Mapping[str, Any]) -> Iterator[Batch]:
        """Follow cursors; the last page, which may grow, is read again at the next look."""
        cursor, before = kept.get("cursor"), frozenset(kept.get("seen", ()))
        for _ in range(_MOST_PAGES):
            answer, records = self._get(cursor)
            digests = [digest_of(record) for record in records]
            pairs = zip(records, digests, strict=True)
            rows = [record for record, digest in pairs if digest not in before]
            following = at(answer, self._options.cursor)
            is_last = not records or following in (None, "", False) or str(following) == cursor
            if is_last:
                position = {"cursor": cursor, "seen": list(dict.fromkeys(digests))}
            else:
                position = {"cursor": str(following), "seen": []}
            yield Batch("", self._rows(rows), position, is_last)
            if is_last:
                return
            cursor, before = str(following), frozenset[str]()

    def _since(self, kept: Mapping[str, Any]) -> Iterator[Batch]:
        """Ask since the newest watermark, until it moves no more and no row is new."""
        last, seen = unpacked(kept.get("watermark")), Seen(kept.get("seen", ()))
        overlap_s = seconds("RestLabels.overlap", self._options.overlap)
        since = earlier(last, overlap_s)
        for _ in range(_MOST_PAGES):
            _, records = self._get(None if since is None else str(since), is_since=True)
            marks = [self._mark(record) for record in records]
            rows = [one for one, mark in zip(records, marks, strict=True) if seen.is_new(one, mark)]
            newest = max(marks, default=since)
            is_last = not rows and (newest is None or (since is not None and newest <= since))
            last = newest if last is None or (newest is not None and newest > last) else last
            again = seen.kept(earlier(last, overlap_s), is_last=is_last)
            yield Batch("", self._rows(rows), {"watermark": packed(last), "seen": again}, is_last)
            if is_last:
                return
            since = newest

    def _mark(self, record: Any) -> Any:
        mark = at(record, self._options.watermark)
        if not isinstance(mark, (str, int, float)) or isinstance(mark, bool):
            raise LabelSourceError(
                "a row has no watermark; RestLabels.watermark names where it is", "watermark"
            )
        return mark

    def _rows(self, records: Sequence[Any]) -> list[Any]:
        return [row_of(record, self._options.fields or {}) for record in records]

    def _get(self, value: str | None, *, is_since: bool = False) -> tuple[Any, list[Any]]:
        """Return an answer and the rows in it."""
        url, parameters = self._url, {}
        if value is not None and not is_since and value.startswith(("http://", "https://", "/")):
            url = self._beside(value)
        elif value is not None:
            name = self._options.since_parameter if is_since else self._options.cursor_parameter
            parameters[name] = value
        answer = self._ask(url, parameters)
        records = at(answer, self._options.records)
        if not isinstance(records, list):
            where = "where RestLabels.records says" if self._options.records else "the answer"
            raise LabelSourceError(f"{where} is no list of rows", "answer")
        return answer, records

    def _beside(self, address: str) -> str:
        """Return the address of the next page; a token goes to no other host."""
        url = urljoin(self._url, address)
        if urlsplit(url)[:2] != urlsplit(self._url)[:2]:
            raise LabelSourceError("the address of the next page is on another host", "answer")
        return url

    def _ask(self, url: str, parameters: Mapping[str, str]) -> Any:
        seconds = self._options.timeout_s
        deadline = time.monotonic() + seconds
        data = bytearray()
        try:
            with suppressed(), self._session.get(
                url, params=parameters, timeout=seconds, stream=True, allow_redirects=False
            ) as told:  # fmt: skip
                _check(told)
                for block in told.iter_content(_BLOCK):
                    data += block
                    if len(data) > _MAX_BYTES:
                        raise LabelSourceError("the answer is longer than 64 MiB", "answer")
                    if time.monotonic() > deadline:
                        raise LabelSourceError(f"no answer within {seconds:g} s", "timeout")
        except requests.Timeout:
            raise LabelSourceError(f"no answer within {seconds:g} s", "timeout") from None
        except (requests.RequestException, OSError, ValueError) as error:
            if isinstance(error, LabelSourceError):
                raise
            # Not its text: that has the address, with what it may hold.
            name = type(error).__name__
            raise LabelSourceError(f"the API cannot be reached: {name}", name) from None
        try:
            return loads(bytes(data), objects=_MOST_OBJECTS, parts=_MOST_PARTS)
        except TooMuchError as error:
            raise LabelSourceError(
                f"the answer is not taken: {scrubbed(str(error))}", "answer"
            ) from None
        except ValueError:
            raise LabelSourceError("the answer is not JSON", "answer") from None

    def kept(self, batch: Batch) -> None:
        """Nothing: the position is in the store."""

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _check(told: requests.Response) -> None:
    """Refuse an answer that is none.

    Raises:
        LabelSourceError: The status says so.
    """
    if told.status_code == requests.codes.ok:
        return
    raise LabelSourceError(
        f"the API answered {told.status_code}",
        str(told.status_code),
        _wait_of(told.headers.get("Retry-After", "")),
    )


def _wait_of(header: str) -> float | None:
    """Return the seconds that ``Retry-After`` asks for."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S) if seconds == seconds else None  # noqa: PLR0124 - not NaN
