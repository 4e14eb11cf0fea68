"""The reviewer's page: predictions that wait for a label, who decided, whether sources agree."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from otelml._report.page import fill
from otelml._version import __version__


@dataclass(frozen=True)
class Item:
    """A prediction that waits; all of it as text to show.

    Args:
        id: Its id.
        model: Its model and version.
        predicted: The predicted label or value.
        confidence: How sure the model was.
        when: When it was made.
        trace: Its trace id.
        features: Names and values.
        labels: What it may be.
        is_value: Whether a number is asked for.
    """

    id: str
    model: str
    predicted: str
    confidence: str
    when: str
    trace: str
    features: Sequence[tuple[str, str]]
    labels: Sequence[str]
    is_value: bool


@dataclass(frozen=True)
class Decision:
    """A label that a reviewer gave.

    Args:
        id: The prediction's id; empty where it is not known.
        when: When it was given.
        reviewer: Who gave it.
        source: By which way.
        predicted: What was predicted.
        actual: What it is.
    """

    id: str
    when: str
    reviewer: str
    source: str
    predicted: str
    actual: str


@dataclass(frozen=True)
class Agreeing:
    """How far two sources agree.

    Args:
        first: A source.
        second: Another one.
        both: Predictions that both have labelled.
        share: Those with the same label, in percent.
        interval: Its 95 % interval.
    """

    first: str
    second: str
    both: int
    share: str
    interval: str


@dataclass(frozen=True)
class ReviewPage:
    """What the page shows.

    Args:
        items: Predictions, the least certain first.
        total: How many wait.
        below: Which are kept: those with less confidence.
        before: Where the page before this one begins; None where there is none.
        after: Where the next one begins.
        reviewer: Who reviews.
        is_named: Whether that is known for sure, and not asked for.
        note: What became of the last decision.
        is_bad: Whether that is an error.
        decided: The last decisions.
        agreement: Of each two sources.
    """

    items: Sequence[Item]
    total: int
    below: str
    before: int | None = None
    after: int | None = None
    reviewer: str = ""
    is_named: bool = False
    note: str = ""
    is_bad: bool = False
    decided: Sequence[Decision] = ()
    agreement: Sequence[Agreeing] = ()

    def link(self, **where: str | int) -> str:
        """Return the query of another part of the page, for the same reviewer."""
        named = {} if self.is_named or not self.reviewer else {"reviewer": self.reviewer}
        return urlencode({**where, **named})


def render_review(page: ReviewPage) -> tuple[str, str]:
    """Return the page as HTML, and the policy that lets nothing but its own style in.

    Raises:
        MissingDependencyError: The extra ``report`` is not installed.
    """
    style = "".join(
        (Path(__file__).parent / name).read_text("utf-8") for name in ("style.css", "review.css")
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    html = fill("review.html.j2", {"page": page, "version": __version__, "style": _Style(style)})
    return html, policy


class _Style(str):
    """Our own style sheet, which is not escaped."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)
