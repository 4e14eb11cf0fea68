"""Simple JSON paths: ``$.result[0].label``, ``rows[*].score``, ``$['odd name']``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from otelml._shown import shown
from otelml.exceptions import ConfigurationError

__all__ = ["Path", "find", "parse"]

_STEP: Final = re.compile(
    r"\.?(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d{1,9}|\*)\]"
    r"|\[(?P<quote>['\"])(?P<text>.+?)(?P=quote)\]"
)
_EACH: Final = -1
Path = Sequence[str | int]


def parse(option: str, text: str) -> Path:
    """Return the steps of a path.

    Args:
        option: Where it was given, for the error.
        text: The path; ``$`` alone is the whole body.

    Raises:
        ConfigurationError: It is no path.

    >>> parse("--label", "$.result[0].label"), parse("--label", "rows[*]")
    (('result', 0, 'label'), ('rows', -1))
    """
    rest = text.strip()
    rest = rest.removeprefix("$")
    steps: list[str | int] = []
    while rest:
        step = _STEP.match(rest)
        if step is None or (not steps and rest.startswith(".") and not text.startswith("$")):
            raise ConfigurationError(
                f"{option} {shown(text)} is not a path such as $.result.label or rows[*].score"
            )
        if step["index"] is not None:
            steps.append(_EACH if step["index"] == "*" else int(step["index"]))
        else:
            steps.append(step["name"] or step["text"])
        rest = rest[step.end() :]
    if not steps and text.strip() != "$":
        raise ConfigurationError(f"{option} is empty; give a path such as $.result.label")
    return tuple(steps)


def find(path: Path, body: Any) -> Any:
    """Return what is at a path; None where nothing is. ``[*]`` gives a list.

    >>> find(("rows", -1, "a"), {"rows": [{"a": 1}, {"a": 2}]}), find(("b",), {"a": 1})
    ([1, 2], None)
    """
    for place, step in enumerate(path):
        if step == _EACH:
            if not isinstance(body, list):
                return None
            return [find(path[place + 1 :], item) for item in body]
        if isinstance(step, str):
            body = body.get(step) if isinstance(body, dict) else None
        else:
            body = body[step] if isinstance(body, list) and step < len(body) else None
        if body is None:
            return None
    return body
