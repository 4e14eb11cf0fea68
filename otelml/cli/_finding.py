"""What ``otelml doctor`` says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """The state of one thing, and how to mend it where it is not well.

    Args:
        check: A short name.
        status: ``ok``; ``warn`` for what may be wanted; ``fail`` for what loses telemetry.
        detail: What was found.
        mend: What to do about it; empty where nothing is.
    """

    check: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""
