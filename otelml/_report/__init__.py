"""Pages for a person that need nothing else: drift reports, their list, the reviewer's page."""

from __future__ import annotations

from otelml._report.history import History
from otelml._report.index import render_list
from otelml._report.page import render, write
from otelml._report.review import Agreeing, Decision, Item, ReviewPage, render_review
from otelml._report.verdict import Verdict

__all__ = [
    "Agreeing",
    "Decision",
    "History",
    "Item",
    "ReviewPage",
    "Verdict",
    "render",
    "render_list",
    "render_review",
    "write",
]
