"""What the options of privacy mean at each door."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from otelml._privacy.messages import clean_message, clean_trace, words_of, words_of_error
from otelml._privacy.urls import clean_query, clean_url
from otelml._privacy_options import OPEN, PRIVATE, PrivacyOptions
from otelml._state import ProcessState

HIDDEN: Final = "[redacted]"


class Cleaned(str):
    """A text that holds no values any more: its code is known no longer."""

    __slots__ = ()


class Policy:
    """What may leave the process.

    Args:
        options: What the application says.
        redact: Further names whose values are sent at no level.
    """

    def __init__(self, options: PrivacyOptions, redact: Iterable[str] = ()) -> None:
        self.options = options
        self.is_private = options.level == PRIVATE
        self.is_open = options.level == OPEN
        self.redacted = frozenset((*options.redact, *redact))
        self._allowed = frozenset(options.allow) - self.redacted
        self._queries = frozenset(options.queries)

    def hides(self, name: str) -> bool:
        """Whether a field of that name is one whose value is sent at no level.

        The name may have a prefix: ``request.income`` is hidden where ``income`` is.
        """
        redacted = self.redacted
        return bool(redacted) and (name in redacted or name.rpartition(".")[2] in redacted)

    def shows_value(self, feature: str) -> bool:
        """Whether exact values of a feature may be sent."""
        if self.hides(feature):
            return False
        return not self.is_private or feature in self._allowed

    def aggregate(self, feature: str, value: float, rows: int) -> float | None:
        """Return a minimum, maximum or mean as it may be sent; None where it may not.

        Args:
            feature: The feature.
            value: Finite.
            rows: Rows that it is of.
        """
        if self.hides(feature):
            return None
        if self.shows_value(feature):
            return value
        return rounded(value, self.options.digits) if rows >= self.options.min_rows else None

    def query(self, text: str) -> str:
        """Return a query string as it may be sent."""
        return text if self.is_open else clean_query(text, self._queries)

    def url(self, text: str) -> str:
        """Return a URL as it may be sent."""
        return text if self.is_open else clean_url(text, self._queries)

    def message(self, text: str, stack: str = "") -> str:
        """Return the message of an exception as it may be sent.

        Args:
            text: The message.
            stack: The traceback as text; words of its code may be in the message.
        """
        return clean_message(text, words_of(stack)) if self.is_private else text

    def message_of(self, error: BaseException, text: str) -> str:
        """Return the message of a live exception as it may be sent.

        Args:
            error: The exception.
            text: Its message.
        """
        return clean_message(text, words_of_error(error)) if self.is_private else text

    def trace_of(self, error: BaseException, text: str, message: str) -> str:
        """Return the traceback of a live exception as it may be sent.

        Args:
            error: The exception.
            text: Its traceback.
            message: Its message.
        """
        return clean_trace(text, (message,), words_of_error(error)) if self.is_private else text

    def trace(self, text: str, messages: Iterable[str] = ()) -> str:
        """Return a traceback as it may be sent.

        Args:
            text: The traceback.
            messages: The messages in it, where they are known.
        """
        return clean_trace(text, messages) if self.is_private else text

    def fields(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return fields with the values that are sent at no level replaced."""
        if not self.redacted:
            return given
        return {key: HIDDEN if self.hides(key) else self._inner(v) for key, v in given.items()}

    def _inner(self, value: Any) -> Any:
        return self.fields(value) if type(value) is dict else value


def rounded(value: float, digits: int) -> float:
    """Return a number with so many significant digits.

    >>> rounded(52_873.0, 2)
    53000.0
    """
    if not value or not math.isfinite(value):
        return value
    return float(f"{value:.{digits - 1}e}")


_current: ProcessState[Policy] = ProcessState(Policy(PrivacyOptions()))


def current_policy() -> Policy:
    """Return the policy of this process; the strictest before ``init``."""
    return _current.value


def install_policy(policy: Policy) -> None:
    """Put a policy in place."""
    _current.value = policy
