"""Messages and tracebacks of exceptions without the values that they tell of.

A message is made of the words of the code that raised it and of values. A word stays if it is one
of Python's own messages or stands in the code that the traceback shows; everything else, all
numbers and whatever is quoted goes. So nothing has to be recognised as private to be left out.
"""

from __future__ import annotations

import builtins
import linecache
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

from otelml._guard import quietly
from otelml._privacy.words import WORDS

HOLE: Final = "…"
_MARK: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
_LONGEST: Final = 2000
_MOST_FRAMES: Final = 100
ENDINGS: Final = ("Error", "Exception", "Warning", "Exit", "Interrupt", "Group", "Iteration")
_QUOTED = re.compile(r"""b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|`[^`]*`""", re.DOTALL)
_APOSTROPHE = re.compile(r"(?<=[a-z])'(?=(?:t|s|re|ve|ll|d)\b)")
_TOKEN = re.compile(rf"\w+(?:{_MARK}\w+)?|[^\x00-\x7f]")
_HOLES = re.compile(rf"{HOLE}(?:[-+.,:/@$%#*]*{HOLE})+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_FILE = re.compile(r'\s*File "(?P<file>[^"]*)", line \d+(?P<place>, in .*)?$')
_MARGIN = re.compile(r"[ |+]*\| ?|\s*\+-[-+ \d]*$")
_HEADER = re.compile(
    r"\s*(?:\+ )?(?:Exception Group )?Traceback \(most recent call last\):$"
    r"|During handling of the above exception, another exception occurred:$"
    r"|The above exception was the direct cause of the following exception:$"
    r"|\s*\[Previous line repeated \d+ more times?\]$"
    r"|\s*[~^]+[~^\s]*$"
    r"|\s*$"
)
_RAISED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$", re.DOTALL)


def clean_message(text: str, known: AbstractSet[str] = frozenset()) -> str:
    """Return a message without values.

    Args:
        text: The message.
        known: Further words that may stay, in lower case.

    >>> clean_message("could not convert string to float: 'ALICE'")
    "could not convert string to float: '…'"
    >>> clean_message("Found array with dim 3, while dim <= 2 is required.", {"dim"})
    'Found array with dim … while dim <= … is required.'
    """
    text = _APOSTROPHE.sub(_MARK, text[:_LONGEST])
    parts: list[str] = []
    at = 0
    for quoted in _QUOTED.finditer(text):
        parts.append(_plain(text[at : quoted.start()], known))
        mark = quoted[0][-1]
        parts.append(f"{mark}{HOLE}{mark}")
        at = quoted.end()
    parts.append(_plain(text[at:], known))
    return "".join(parts)


def _plain(text: str, known: AbstractSet[str]) -> str:
    def kept(token: re.Match[str]) -> str:
        word = token[0]
        folded = word.lower().partition(_MARK)[0]
        is_kept = folded in WORDS or folded in known
        return word.replace(_MARK, "'") if is_kept else HOLE

    return _HOLES.sub(HOLE, _TOKEN.sub(kept, text))


def words_of(stack: str) -> frozenset[str]:
    """Return the words of the code that a traceback shows, in lower case."""
    return _words("\n".join(code for code, is_code in _lines(stack) if is_code)) if stack else _NONE


_NONE: Final[frozenset[str]] = frozenset()


@lru_cache(maxsize=64)
def _words(code: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(code))


def words_of_error(error: BaseException) -> frozenset[str]:
    """Return the words of the texts in the code that an exception came through, in lower case."""
    texts: list[str] = []
    at = error.__traceback__
    for _ in range(_MOST_FRAMES):
        if at is None:
            break
        texts.extend(text for text in at.tb_frame.f_code.co_consts if type(text) is str)
        at = at.tb_next
    return frozenset(word.lower() for word in _WORD.findall("\n".join(texts)))


def clean_trace(
    text: str, messages: Iterable[str] = (), known: AbstractSet[str] = frozenset()
) -> str:
    """Return a traceback without values: its files, lines and code stay.

    Args:
        text: The traceback, of any version of Python, groups of exceptions included.
        messages: The messages in it, where they are known; they may have any form.
        known: Further words that may stay, in lower case.
    """
    for message in sorted(filter(None, messages), key=len, reverse=True):
        if "\n" in message:  # a line of it could pass for one of the traceback's own
            text = text.replace(message, clean_message(message).replace("\n", " "))
    lines = _lines(text)
    known = known | _words("\n".join(line for line, is_code in lines if is_code))
    return "\n".join(line if is_code else _line(line, known) for line, is_code in lines)


def _lines(text: str) -> list[tuple[str, bool]]:
    """Return the lines of a traceback, and whether each is code of a file that exists."""
    found: list[tuple[str, bool]] = []
    name = below = ""  # what the last line was: a file of ours, one made at run time, or none
    for line in text.split("\n"):
        margin = _MARGIN.match(line)
        inner = line[margin.end() :] if margin else line
        file = _FILE.match(inner)
        if file is not None:
            name = file["file"]
            below = "code" if file["place"] and not name.startswith("<") else "data"
            found.append((line, False))
        elif below and inner.startswith("    ") and not _HEADER.match(inner):
            # A message can have lines that look like these: only those of the file are code.
            is_code = below == "code" and _is_line_of(name, inner.strip())
            found.append((line if is_code else HOLE, is_code))
        else:
            if not _HEADER.match(inner):
                below = ""
            found.append((line, False))
    return found


@lru_cache(maxsize=4096)
def _is_line_of(file: str, code: str) -> bool:
    """Whether a file of code has such a line; not where there is no such file."""
    lines: list[str] = quietly(linecache.getlines, file) or []
    return any(line.strip() == code for line in lines)


def _is_type(name: str, known: AbstractSet[str]) -> bool:
    """Whether a name at the start of a line is that of an exception, and no value."""
    last = name.rpartition(".")[2]
    return last.endswith(ENDINGS) or hasattr(builtins, last) or last.lower() in known


def _line(line: str, known: AbstractSet[str]) -> str:
    margin = _MARGIN.match(line)
    head, inner = (line[: margin.end()], line[margin.end() :]) if margin else ("", line)
    if _HEADER.match(inner) or _FILE.match(inner):
        return line
    raised = _RAISED.match(inner)
    if raised is None or not _is_type(raised["type"], known):
        return head + clean_message(inner, known)
    message = raised["message"]
    return head + raised["type"] + ("" if message is None else f": {clean_message(message, known)}")
