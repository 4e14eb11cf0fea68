"""Small sets of names in one column, such as the services of a trace."""

from __future__ import annotations

SEPARATOR = "\x1f"
MAX_TEXT = 500
_MAX_SET = 64


def put(found: dict[str, None], item: str) -> None:
    """Add an item to a set that keeps its order; empty ones and those beyond its limit are not."""
    if item and item not in found and len(found) < _MAX_SET:
        found[_cut(item)] = None


def _cut(item: str) -> str:
    return item[:MAX_TEXT].replace(SEPARATOR, " ")


def member(item: str) -> str:
    """Return what a column holds where an item is in its set; long items are cut there."""
    return f"{SEPARATOR}{_cut(item)}{SEPARATOR}"


def join(found: dict[str, None]) -> str:
    """Return the set as its column holds it."""
    return SEPARATOR + SEPARATOR.join(found) + SEPARATOR if found else ""


def split(joined: str | None) -> list[str]:
    """Return the items of a joined set, in the order they were seen."""
    return [item for item in (joined or "").split(SEPARATOR) if item]
