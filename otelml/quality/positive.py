"""Which of two labels is the positive one, where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_POSITIVE = frozenset({"true", "yes", "positive", "pos", "y", "t", "1", "1.0"})
_NEGATIVE = frozenset({"false", "no", "negative", "neg", "n", "f", "0", "0.0", "-1", "-1.0"})


def positive_of(labels: Sequence[Any]) -> Any:
    """Return the positive one of two labels.

    It is the one that says yes (True, 1, yes, y, t, positive, pos), else the one beside that which
    says no (False, 0, -1, no, n, f, negative, neg), else the one that sorts last.

    Args:
        labels: Two labels that can be sorted.

    Returns:
        None where there are not two.

    >>> positive_of(["yes", "no"]), positive_of(["no", "maybe"]), positive_of(["good", "bad"])
    ('yes', 'maybe', 'good')
    """
    if len(labels) != 2:  # noqa: PLR2004 - the rule is about two
        return None
    ordered = sorted(labels)
    for words, wanted in ((_POSITIVE, True), (_NEGATIVE, False)):
        said = [str(label).strip().lower() in words for label in ordered]
        if said.count(True) == 1:
            return ordered[said.index(wanted)]
    return ordered[-1]
