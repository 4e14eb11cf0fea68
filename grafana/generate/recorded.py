"""What a recording rule is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recording:
    """One recording rule: a new series, and what it is."""

    record: str
    expr: str
