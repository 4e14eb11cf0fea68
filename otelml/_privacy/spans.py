"""Spans of any library as they may leave: URLs, exceptions, fields that are sent at no level."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Status

from otelml import semconv
from otelml._privacy.messages import ENDINGS
from otelml._privacy.policy import HIDDEN, Cleaned, Policy

_QUERIES = ("url.query",)
_URLS = ("url.full", "http.url", "http.target")
_PATH = "url.path"
_ROUTE = "http.route"
_DATA = frozenset((*_QUERIES, *_URLS, _PATH))


def clean_span(span: ReadableSpan, policy: Policy) -> ReadableSpan:
    """Return ``span``, or a copy of it where something must not leave.

    Args:
        span: An ended span.
        policy: What may leave.
    """
    attributes = span._attributes or {}  # noqa: SLF001 - the property wraps
    if (
        not span._events  # noqa: SLF001 - the property copies
        and not span.status.description
        and not policy.redacted
        and _DATA.isdisjoint(attributes)
    ):
        return span  # most are so
    changed = _attributes(attributes, policy)
    events, stack = _events(span, policy)
    status = _status(span.status, policy, stack)
    if changed is None and events is None and status is None:
        return span
    cleaned = copy(span)
    if changed is not None:
        cleaned._attributes = changed  # noqa: SLF001 - a copy of ours
    if events is not None:
        cleaned._events = events  # noqa: SLF001 - as above
    if status is not None:
        cleaned._status = status  # noqa: SLF001 - as above
    return cleaned


def _attributes(given: Mapping[str, Any], policy: Policy) -> dict[str, Any] | None:
    changes: dict[str, Any] = {}
    if not policy.is_open:
        for key in _QUERIES:
            if isinstance(value := given.get(key), str):
                changes[key] = policy.query(value)
        for key in _URLS:
            if isinstance(value := given.get(key), str):
                changes[key] = policy.url(value)
        if policy.is_private and _PATH in given and _ROUTE in given:
            changes[_PATH] = given[_ROUTE]  # what stands in its places is data
            if "http.target" in changes:
                changes["http.target"] = given[_ROUTE]
    if policy.redacted:
        changes.update((key, HIDDEN) for key in given if policy.hides(key))
    if all(given.get(key) == value for key, value in changes.items()):
        return None
    return {**given, **changes}


def _events(span: ReadableSpan, policy: Policy) -> tuple[tuple[Event, ...] | None, str]:
    """Return the events where one had to change, and the traceback of the last exception."""
    events = span._events  # noqa: SLF001 - the property copies
    if not events or not (policy.is_private or policy.redacted):
        return None, ""
    cleaned: list[Event] = []
    stack = ""
    for event in events:
        attributes = policy.fields(dict(event.attributes or {}))
        if event.name == "exception" and policy.is_private:
            stack = str(attributes.get(semconv.EXCEPTION_STACKTRACE, ""))
            message = str(attributes.get(semconv.EXCEPTION_MESSAGE, ""))
            if semconv.EXCEPTION_MESSAGE in attributes:
                attributes[semconv.EXCEPTION_MESSAGE] = policy.message(message, stack)
            if stack:
                attributes[semconv.EXCEPTION_STACKTRACE] = policy.trace(stack, (message,))
        cleaned.append(Event(event.name, attributes, event.timestamp))
    return tuple(cleaned), stack


def _status(status: Status, policy: Policy, stack: str) -> Status | None:
    text = status.description
    if not text or not policy.is_private or isinstance(text, Cleaned):
        return None
    kind, mark, message = text.partition(": ")
    if not mark and text.isidentifier() and text.endswith(ENDINGS):
        return None  # the type alone
    if mark and kind.replace(".", "").isidentifier():
        cleaned = f"{kind}: {policy.message(message, stack)}"
    else:
        cleaned = policy.message(text, stack)
    return None if cleaned == text else Status(status.status_code, cleaned)
