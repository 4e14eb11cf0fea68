"""Warning filters: those that imports of ours add are taken away again.

Libraries that run work in threads, such as scikit-learn, hand the filters to each piece of it, and
each filter costs time there, regular expressions most of all.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress

__all__ = ["kept_filters"]


@contextmanager
def kept_filters() -> Generator[None]:
    """Leave the filters of :mod:`warnings` as they were found."""
    before = list(warnings.filters)
    try:
        yield
    finally:
        # The list itself stays: who changed it meanwhile on another thread holds it.
        for added in [one for one in warnings.filters if one not in before]:
            with suppress(ValueError):
                warnings.filters.remove(added)  # type: ignore[attr-defined]
        with warnings.catch_warnings():
            pass  # what was remembered of each filter is forgotten
