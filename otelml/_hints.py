"""What was probably meant: the nearest of the valid names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CLOSE = 0.5


def nearest(word: str, words: Iterable[str], close: float = _CLOSE) -> str | None:
    """Return the word of ``words`` most like ``word``; None where none is.

    Args:
        word: What was written.
        words: What is valid.
        close: How like it must be, from 0 to 1.
    """
    found = difflib.get_close_matches(word, list(words), n=1, cutoff=close)
    return found[0] if found else None


def hint(word: str, words: Iterable[str], listed: str = "valid") -> str:
    """Return ``did you mean X?``, else the list of words, after ``listed``."""
    known = list(words)
    found = nearest(word, known)
    return f"did you mean {found}?" if found else f"{listed}: {', '.join(known)}"
